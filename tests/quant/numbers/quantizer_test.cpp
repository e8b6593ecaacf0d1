#include "quant/numbers/quantizer.h"

#include <cmath>

#include "framework/check.h"
#include "framework/parallel.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

namespace {

const char* const formats[] = {"f32",
                               "bf16",
                               "f16",
                               "float<5,2>",
                               "float<4,3>",
                               "float<2,1>",
                               "int8/absmax",
                               "int8/absmax/channel",
                               "int8/absmax/smooth",
                               "int4/absmax",
                               "int2/absmax/channel",
                               "uint8/absmax",
                               "int16/absmax",
                               "int16/step12",
                               "int8/step3",
                               "int5/step-2",
                               "int8/pow2",
                               "int3/pow2/channel",
                               "uint8/minmax",
                               "int8/minmax/smooth",
                               "uint4/minmax",
                               "binary/meanabs",
                               "binary/step0",
                               "binary/absmax/channel",
                               "ternary/meanabs",
                               "ternary/meanabs/channel",
                               "ternary/absmax",
                               "ternary/step1"};

Format with_rounding(const char* text, Rounding rounding) {
  Format format = parse_format(text);
  if (!format.is_float32()) format.rounding = rounding;
  return format;
}

// Values over several magnitudes, with zeros and exact ties among them.
Tensor sample(std::uint64_t key) {
  Tensor x = random_tensor({6, 5, 7}, key, -3, 3);
  for (std::int64_t i = 0; i < x.elements(); i += 5) x.floats()[i] *= 0.01f;
  for (std::int64_t i = 3; i < x.elements(); i += 11) x.floats()[i] = 0;
  for (std::int64_t i = 4; i < x.elements(); i += 13) x.floats()[i] = 0.0625f;
  return x;
}

}  // namespace

TEST_CASE("quantizer: quantize == decode . encode, to the bit, for every format") {
  for (const char* text : formats)
    for (const Rounding rounding : {Rounding::nearest, Rounding::stochastic}) {
      CAPTURE(std::string(text));
      const Format format = with_rounding(text, rounding);
      const Tensor x = sample(1);
      const Pass pass{.seed = 3, .step = 9};
      Tensor codes, decoded, quantized;
      Quantizer(format, "q").encode(x, pass, codes);
      decode(codes, decoded);
      Quantizer(format, "q").quantize(x, pass, quantized);
      CHECK(same_bits(decoded, quantized));
    }
}

TEST_CASE("quantizer: a quantised tensor is a fixed point, also of stochastic rounding") {
  for (const char* text : formats)
    for (const Rounding rounding : {Rounding::nearest, Rounding::stochastic}) {
      if (std::string(text).starts_with("binary") && rounding == Rounding::stochastic)
        continue;  // a coin between two points moves everything that is not on one of them
      CAPTURE(std::string(text));
      const Format format = with_rounding(text, rounding);
      // The codes that a min-max range really uses may span less than it: its grid is a law only
      // once the range is known.
      if (format.scaling.rule == Scaling::Rule::minmax && !format.scaling.smooth) continue;
      Tensor once, twice;
      Quantizer quantizer(format, "q");
      if (format.scaling.smooth) quantizer.quantize(sample(2), {.training = true}, once);
      quantizer.quantize(sample(2), {}, once);
      quantizer.quantize(once, {.step = 1}, twice);
      CHECK(same_bits(once, twice));
    }
}

TEST_CASE("quantizer: nearest rounding is monotone and off by at most half a step") {
  for (const char* text : formats) {
    CAPTURE(std::string(text));
    const Format format = with_rounding(text, Rounding::nearest);
    if (format.scaling.channel) continue;
    Tensor x({2001}), q, codes;
    for (int i = 0; i <= 2000; ++i) x.floats()[i] = static_cast<float>(i - 1000) / 500.0f;
    Quantizer quantizer(format, "q");
    quantizer.quantize(x, {}, q);
    quantizer.encode(x, {}, codes);
    bool monotone = true, near = true;
    for (int i = 0; i <= 2000; ++i) {
      if (i > 0) monotone = monotone && q.floats()[i] >= q.floats()[i - 1];
      const bool clipped = q.floats()[i] == q.floats()[0] || q.floats()[i] == q.floats()[2000];
      if (format.grid.kind == Grid::Kind::integer && !clipped)
        near = near && std::abs(q.floats()[i] - x.floats()[i]) <= 0.5001f * codes.scale();
    }
    CHECK(monotone);
    CHECK(near);
  }
}

TEST_CASE("quantizer: stochastic rounding is unbiased") {
  constexpr int n = 1000000;
  for (const float fraction : {0.25f, 0.5f, 0.9f}) {
    Tensor x({n}), q;
    std::fill(x.floats(), x.floats() + n, 3 + fraction);
    Quantizer(parse_format("int8/step0/stochastic"), "q").quantize(x, {.seed = 5}, q);
    double sum = 0;
    for (int i = 0; i < n; ++i) {
      REQUIRE((q.floats()[i] == 3 || q.floats()[i] == 4));
      sum += static_cast<double>(q.floats()[i]) - 3;
    }
    const double p = static_cast<double>(fraction), sigma = std::sqrt(p * (1 - p) / n);
    CHECK(std::abs(sum / n - p) < 4 * sigma);
  }
  // On the two-point grid: BinaryConnect's hard sigmoid.
  Tensor x({n}), q;
  std::fill(x.floats(), x.floats() + n, 0.25f);
  Quantizer(parse_format("binary/step0/stochastic"), "q").quantize(x, {}, q);
  double up = 0;
  for (int i = 0; i < n; ++i) up += q.floats()[i] > 0;
  CHECK(std::abs(up / n - 0.625) < 4 * std::sqrt(0.625 * 0.375 / n));
}

TEST_CASE("quantizer: any number of threads gives the same codes") {
  const int before = threads();
  for (const char* text : {"int8/absmax/stochastic", "int8/absmax/channel/stochastic",
                           "bf16/stochastic", "binary/meanabs/stochastic", "uint8/minmax"}) {
    const Tensor x = random_tensor({40, 30, 50}, 4);
    Tensor one, other;
    set_threads(1);
    Quantizer(parse_format(text), "q").encode(x, {.step = 2}, one);
    for (const int count : {2, 3, 5}) {
      set_threads(count);
      Quantizer(parse_format(text), "q").encode(x, {.step = 2}, other);
      CHECK(same_bits(one, other));
    }
  }
  set_threads(before);
}

TEST_CASE("quantizer: other steps, seeds and streams draw other numbers") {
  const Tensor x = random_tensor({1000}, 7);
  const Format format = parse_format("int4/absmax/stochastic");
  Tensor a, b, c, d;
  Quantizer(format, "q").encode(x, {.seed = 1, .step = 1}, a);
  Quantizer(format, "q").encode(x, {.seed = 1, .step = 2}, b);
  Quantizer(format, "q").encode(x, {.seed = 2, .step = 1}, c);
  Quantizer(format, "r").encode(x, {.seed = 1, .step = 1}, d);
  CHECK_FALSE(same_bits(a, b));
  CHECK_FALSE(same_bits(a, c));
  CHECK_FALSE(same_bits(a, d));
}

TEST_CASE("quantizer: a smoothed range follows training batches only") {
  Quantizer quantizer(parse_format("int8/absmax/smooth"), "q");
  Tensor x({4}), codes;
  std::fill(x.floats(), x.floats() + 4, 1.0f);
  quantizer.encode(x, {.training = true}, codes);
  CHECK(quantizer.range().floats()[1] == 1.0f);
  std::fill(x.floats(), x.floats() + 4, 3.0f);
  quantizer.encode(x, {}, codes);
  CHECK(quantizer.range().floats()[1] == 1.0f);
  CHECK(codes.data<std::int8_t>()[0] == 127);  // saturates
  quantizer.encode(x, {.training = true}, codes);
  CHECK(quantizer.range().floats()[1] > 1.0f);
  CHECK(quantizer.range().floats()[1] < 3.0f);
}

TEST_CASE("quantizer: factors multiply columns before the range is found") {
  Tensor x({2, 3}), codes;
  for (int i = 0; i < 6; ++i) x.floats()[i] = 1;
  const std::vector<float> factors{1, 0.5f, 127};
  Quantizer(parse_format("int8/absmax"), "q").encode(x, {}, codes, &factors);
  CHECK(codes.scale() == 1.0f);
  CHECK(codes.data<std::int8_t>()[0] == 1);
  CHECK(codes.data<std::int8_t>()[1] == 0);
  CHECK(codes.data<std::int8_t>()[2] == 127);
  CHECK(codes.data<std::int8_t>()[5] == 127);
}

TEST_CASE("quantizer: NaN and infinity are errors, zeros are not") {
  Tensor x({3}), codes, q;
  x.fill_zero();
  for (const char* text : formats) {
    Quantizer(parse_format(text), "q").quantize(x, {.training = true}, q);
    const bool binary = std::string(text).starts_with("binary");
    if (!binary) CHECK(q.floats()[1] == 0);
  }
  for (const float bad : {std::nanf(""), INFINITY, -INFINITY}) {
    x.floats()[1] = bad;
    for (const char* text : {"int8/absmax", "int8/absmax/channel", "uint8/minmax", "int8/pow2",
                             "binary/meanabs", "int8/step7"}) {
      CAPTURE(std::string(text));
      CHECK_THROWS_AS(Quantizer(parse_format(text), "q").encode(x, {}, codes), Error);
    }
  }
}

TEST_CASE("quantizer: minifloats") {
  const Grid e5m2 = parse_grid("float<5,2>");
  CHECK(round_to_grid(1.1f, e5m2, Rounding::nearest, 0) == 1.0f);
  CHECK(round_to_grid(1.125f, e5m2, Rounding::nearest, 0) == 1.0f);  // tie to even
  CHECK(round_to_grid(1.375f, e5m2, Rounding::nearest, 0) == 1.5f);  // tie to even
  CHECK(round_to_grid(57344.0f, e5m2, Rounding::nearest, 0) == 57344.0f);
  CHECK(std::isinf(round_to_grid(65536.0f, e5m2, Rounding::nearest, 0)));
  CHECK(round_to_grid(0x1p-16f, e5m2, Rounding::nearest, 0) == 0x1p-16f);  // smallest subnormal
  CHECK(round_to_grid(0x1p-18f, e5m2, Rounding::nearest, 0) == 0.0f);
  CHECK(round_to_grid(3.14159274f, parse_grid("bf16"), Rounding::nearest, 0) == 3.140625f);
}

#include "quant/numbers/quantizer.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "framework/parallel.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

TEST_CASE("quantizer: any number of threads gives the same codes") {
  const int before = threads();
  for (const char* text : {"int8/absmax/stochastic", "int8/absmax/channel/stochastic",
                           "bf16/stochastic", "binary/meanabs/stochastic", "uint8/minmax",
                           "int8/block32/stochastic", "midrise2/range1/stochastic", "codebook7",
                           "int10/overflow", "int4/learned", "int8/absmax/sample"}) {
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

TEST_CASE("quantizer: the exponent of dynamic fixed point follows the overflow of 100 batches") {
  Quantizer quantizer(parse_format("int8/overflow"), "q");
  const auto exponent = [&] { return quantizer.range().floats()[1]; };
  const auto feed = [&](int batches, float most, int large) {
    Tensor x({10000}), codes;
    std::fill(x.floats(), x.floats() + 10000, 0.1f);
    for (int i = 0; i < large; ++i) x.floats()[i] = most;
    for (int b = 0; b < batches; ++b) quantizer.encode(x, {.training = true}, codes);
    return codes.scale();
  };
  CHECK(feed(1, 3.0f, 1) == 0x1p-5f);  // 3 < 2^2, 2^2 / 2^7
  CHECK(exponent() == 2);
  feed(99, 3.0f, 5);
  CHECK(exponent() == 2);
  feed(1, 3.0f, 0);  // 5 of 10000 reached 2^1: the range may not be halved
  CHECK(exponent() == 2);
  feed(100, 5.0f, 2);  // 2 of 10000 overflow 2^2
  CHECK(exponent() == 3);
  feed(100, 1.5f, 0);
  CHECK(exponent() == 2);
  Tensor x({4}), codes;
  std::fill(x.floats(), x.floats() + 4, 100.0f);
  for (int i = 0; i < 300; ++i) quantizer.encode(x, {}, codes);  // evaluation changes nothing
  CHECK(exponent() == 2);
  CHECK(codes.data<std::int8_t>()[0] == 127);
}

TEST_CASE("quantizer: codes by hand of the papers' formats") {
  const auto quantized = [](const char* format, std::vector<float> values) {
    Tensor x({1, static_cast<std::int64_t>(values.size())}), q;
    std::copy(values.begin(), values.end(), x.floats());
    Quantizer(parse_format(format), "q").quantize(x, {}, q);
    return std::vector<float>(q.floats(), q.floats() + q.elements());
  };
  using Values = std::vector<float>;
  // Gupta's <4, 12>, saturating.
  CHECK(quantized("int16/step12", {9.0f, -0.00013f, 0.75f}) ==
        Values{32767.0f / 4096, -0x1p-12f, 0.75f});
  // WAGE: 2 bits are -0.5, 0, 0.5; errors lose their scale's mantissa, and saturate up to sqrt(2).
  CHECK(quantized("int2/step1", {0.3f, -0.2f, 5.0f}) == Values{0.5f, 0.0f, 0.5f});
  CHECK(quantized("int8/pow2", {1.4f, 0.5f}) == Values{127.0f / 128, 0.5f});
  // Its gradients lose all of the scale, and reach sqrt(2): nothing saturates.
  CHECK(quantized("int8/pow2/unit", {8.0f, -2.0f}) == Values{1.0f, -0.25f});
  CHECK(quantized("int8/pow2/unit", {11.0f, -2.0f}) == Values{88.0f / 64, -0.25f});
  CHECK(quantized("int8/pow2/unit", {12.0f, -2.0f}) == Values{0.75f, -0.125f});
  // DoReFa: two bits are four levels without a zero, and activations k / 3.
  CHECK(quantized("midrise2/range3", {0.1f, -2.2f, 9.0f, 1.9f}) == Values{1, -3, 3, 1});
  CHECK(quantized("uint2/range3", {0.4f, 0.6f, 7.0f, -1.0f}) == Values{0, 1, 3, 0});
  // SWALP: the exponent of the largest magnitude, no clipping.
  CHECK(quantized("int8/block", {1.0f, 0x1p-6f, 0x1p-7f}) == Values{1.0f, 0x1p-6f, 0.0f});
  CHECK(quantized("int4/block2", {1.0f, 0.3f, 0.1f, 0.0f}) == Values{1.0f, 0.25f, 0.09375f, 0.0f});
  CHECK(quantized("codebook2", {1, 1, 4, 6}) == Values{1, 1, 5, 5});
}

TEST_CASE("quantizer: squashed weights reach both ends, and their gradient is the derivative") {
  Quantizer quantizer(parse_format("midrise7/range1/tanh"), "q");
  const Tensor x = random_tensor({50}, 8, -2, 2);
  Tensor q, gradient({50});
  quantizer.quantize(x, {}, q);
  float most = 0;
  for (int i = 0; i < 50; ++i) most = std::max(most, std::abs(x.floats()[i]));
  for (int i = 0; i < 50; ++i)
    CHECK(std::abs(q.floats()[i] - std::tanh(x.floats()[i]) / std::tanh(most)) < 0.01f);
  std::fill(gradient.floats(), gradient.floats() + 50, 1.0f);
  quantizer.unsquash(x, gradient);
  for (int i = 0; i < 50; ++i) {
    const float t = std::tanh(x.floats()[i]);
    CHECK(gradient.floats()[i] == doctest::Approx((1 - t * t) / std::tanh(most)).epsilon(1e-4));
  }
}

TEST_CASE("quantizer: tensors of minifloats are what round_to_grid gives, number by number") {
  Tensor x({4000}), q;
  for (int i = 0; i < 4000; ++i)
    x.floats()[i] = std::ldexp(
        static_cast<float>(i % 97 - 48) / 16.0f + (i % 7 == 0 ? 0.03125f : 0.0f), i % 61 - 30);
  for (const char* text : {"bf16", "f16", "float<5,2>", "float<4,3>", "float<2,1>", "float<6,9>",
                           "float<8,22>", "float<3,23>"}) {
    CAPTURE(std::string(text));
    const Format format = parse_format(text);
    Quantizer(format, "q").quantize(x, {}, q);
    bool same = true;
    for (int i = 0; i < 4000; ++i)
      same = same && std::bit_cast<std::uint32_t>(q.floats()[i]) ==
                         std::bit_cast<std::uint32_t>(
                             round_to_grid(x.floats()[i], format.grid, Rounding::nearest, 0));
    CHECK(same);
  }
  // A third of the way up is taken a third of the time.
  Tensor thirds({100000});
  std::fill(thirds.floats(), thirds.floats() + 100000, 1.0f + 0.25f / 3);
  Quantizer(parse_format("float<5,2>/stochastic"), "q").quantize(thirds, {}, q);
  const auto up = std::count(q.floats(), q.floats() + 100000, 1.25f);
  CHECK(std::abs(static_cast<double>(up) / 100000 - 1.0 / 3) < 0.006);
}

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

TEST_CASE("quantizer: an outlier leaves the others of its filter their fineness") {
  const Format plain = parse_format("int8/absmax/channel"),
               outlier = parse_format("int8/absmax/channel/outlier");
  Tensor x = random_tensor({3, 40}, 1, -0.1f, 0.1f), codes, q, by_plain;
  x.floats()[7] = 1;          // a Dirac kernel
  x.floats()[40 + 3] = -100;  // more than 2^15 steps of the others
  std::fill(x.floats() + 80, x.floats() + 120, 0.0f);
  x.floats()[80 + 11] = 0.7f;  // alone: nothing is to be kept fine
  Quantizer(outlier, "q").encode(x, {}, codes);
  decode(codes, q);
  Quantizer(plain, "q").quantize(x, {}, by_plain);
  CHECK(codes.element() == Element::int8);
  REQUIRE(codes.outliers.size() == 2);
  CHECK(codes.data<std::int8_t>()[80 + 11] == 127);
  for (const Outlier& o : codes.outliers) {
    const std::int32_t code = codes.data<std::int8_t>()[o.index] + o.excess;
    CHECK(std::abs(code) >= 254);
    CHECK(std::abs(code) < 32768);
    CHECK(q.floats()[o.index] == doctest::Approx(x.floats()[o.index]).epsilon(1e-3));
  }
  CHECK(codes.outliers[0].index == 7);
  CHECK(codes.scales[0] == doctest::Approx(0.1f / 127).epsilon(0.1));
  double fine = 0, coarse = 0;
  for (int i = 0; i < 40; ++i) {
    fine += std::pow(static_cast<double>(q.floats()[i] - x.floats()[i]), 2);
    coarse += std::pow(static_cast<double>(by_plain.floats()[i] - x.floats()[i]), 2);
  }
  CHECK(fine < 0.02 * coarse);
  // As float32, where products are simulated, the same codes.
  Tensor floats, decoded;
  Quantizer(outlier, "q").encode_as(Element::float32, x, {}, floats);
  CHECK(floats.outliers.empty());
  decode(floats, decoded);
  CHECK(std::equal(q.floats(), q.floats() + 120, decoded.floats()));
  // Copies keep them, a new shape does not.
  const Tensor copy = codes;
  CHECK(same_bits(copy, codes));
  codes.resize({2, 2}, Element::int8);
  CHECK(codes.outliers.empty());
}

TEST_CASE(
    "quantizer: with outliers too a quantised filter is a fixed point, whatever its weights") {
  // Filters of six: ordinary, with one large weight of any size, ties, neighbours of powers of two.
  constexpr std::int64_t filters = 4000;
  Tensor x = random_tensor({filters, 6}, 3), codes, once, twice;
  for (std::int64_t i = 0; i < filters; ++i) {
    float* const row = x.floats() + i * 6;
    const float size = std::ldexp(1.0f, static_cast<int>(i % 41) - 20);
    if (i % 5 == 1) row[i % 6] *= size;
    if (i % 5 == 2) row[0] = row[1] = std::nextafter(size, 0.0f);
    if (i % 5 == 3) row[2] = -std::nextafter(size, 2 * size);
    if (i % 5 == 4) std::transform(row, row + 6, row, [&](float v) { return v * 1e-30f * size; });
    if (i % 7 == 6) row[5] = (i % 2 ? 1.99999f : 2.00001f) * row[4];
    if (i % 97 == 0) std::fill(row, row + 6, 0.0f);
  }
  x.floats()[0] = 0.7f;
  x.floats()[1] = 1e-29f;
  for (const char* text : {"int8/absmax/channel/outlier", "int5/absmax/channel/outlier",
                           "int3/absmax/channel/outlier", "int2/absmax/channel/outlier"}) {
    CAPTURE(std::string(text));
    const Format format = parse_format(text);
    Quantizer(format, "q").encode(x, {}, codes);
    decode(codes, once);
    Quantizer(format, "q").quantize(once, {}, twice);
    CHECK(same_bits(once, twice));
    CHECK(codes.outliers.size() > filters / 10);
    CHECK(once.floats()[0] == doctest::Approx(0.7f).epsilon(1e-4));
    // No weight is further off than half a step, an outlier at the end of its 15 bits one step.
    for (std::int64_t i = 0; i < x.elements(); ++i) {
      const float scale = codes.scales[static_cast<std::size_t>(i / 6)];
      if (scale < 1) REQUIRE(std::abs(once.floats()[i] - x.floats()[i]) <= 1.001f * scale);
    }
  }
  // A filter of zeros has a scale that the others have too.
  Tensor some = random_tensor({3, 8}, 4);
  some.floats()[2] = 50;
  std::fill(some.floats() + 8, some.floats() + 16, 0.0f);
  Quantizer(parse_format("int8/absmax/channel/outlier"), "q").encode(some, {}, codes);
  CHECK(codes.outliers.size() == 1);
  CHECK(codes.scales[1] == std::max(codes.scales[0], codes.scales[2]));
}

// The laws that every format keeps: those of a list, and of all recipes.
#include <algorithm>
#include <cmath>

#include "framework/check.h"
#include "quant/numbers/posit.h"
#include "quant/numbers/quantizer.h"
#include "quant/numbers/recipes.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

namespace {

const char* const spellings[] = {"f32",
                                 "bf16",
                                 "f16",
                                 "float<5,2>",
                                 "float<4,3>",
                                 "float<2,1>",
                                 "int8/absmax",
                                 "int8/absmax/channel",
                                 "int8/absmax/channel/outlier",
                                 "int3/absmax/channel/outlier",
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
                                 "ternary/step1",
                                 "int20/step14",
                                 "int10/overflow",
                                 "int12/pow2/unit",
                                 "int8/block",
                                 "int5/block16",
                                 "int6/absmax/sample",
                                 "ternary/absmax/sample",
                                 "midrise1/range1",
                                 "midrise2/range2",
                                 "midrise4/absmax/channel",
                                 "uint2/range1",
                                 "int4/learned",
                                 "ternary/learned",
                                 "ternary/trained",
                                 "posit<8,1>",
                                 "posit<6,0>",
                                 "posit<16,2>",
                                 "codebook2",
                                 "codebook16"};

// Those above and the ones of the recipes.
std::vector<std::string> all_formats() {
  std::vector<std::string> all(std::begin(spellings), std::end(spellings));
  for (const Recipe& recipe : recipes()) {
    const Precision& p = recipe.precision;
    for (const Format& format : {p.weights, p.activations, p.errors, p.gradients, p.master})
      if (std::find(all.begin(), all.end(), print(format)) == all.end())
        all.push_back(print(format));
  }
  return all;
}

Format with_rounding(const std::string& text, Rounding rounding) {
  Format format = parse_format(text);
  if (!format.grid.is_float32() && format.grid.kind != Grid::Kind::codebook &&
      !format.scaling.outlier)
    format.rounding = rounding;
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
  for (const std::string& text : all_formats())
    for (const Rounding rounding : {Rounding::nearest, Rounding::stochastic}) {
      CAPTURE(text);
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
  for (const std::string& text : all_formats())
    for (const Rounding rounding : {Rounding::nearest, Rounding::stochastic}) {
      if (parse_format(text).squashed) continue;  // what was squashed is squashed again
      CAPTURE(text);
      const Format format = with_rounding(text, rounding);
      // The codes that a min-max range really uses may span less than it: its grid is a law only
      // once the range is known.
      if (format.scaling.rule == Scaling::Rule::minmax && !format.scaling.smooth) continue;
      Tensor once, twice;
      Quantizer quantizer(format, "q");
      if (format.remembers()) quantizer.quantize(sample(2), {.training = true}, once);
      quantizer.quantize(sample(2), {}, once);
      quantizer.quantize(once, {.step = 1}, twice);
      CHECK(same_bits(once, twice));
    }
}

TEST_CASE("quantizer: nearest rounding is monotone and off by at most half a step") {
  for (const std::string& text : all_formats()) {
    CAPTURE(std::string(text));
    const Format format = with_rounding(text, Rounding::nearest);
    if (format.scaling.channel || format.scaling.block > 0 || format.scaling.sample) continue;
    Tensor x({1, 2001}), q, codes;
    for (int i = 0; i <= 2000; ++i) x.floats()[i] = static_cast<float>(i - 1000) / 500.0f;
    Quantizer quantizer(format, "q");
    quantizer.quantize(x, {}, q);
    quantizer.encode(x, {}, codes);
    bool monotone = true, near = true;
    for (int i = 0; i <= 2000; ++i) {
      if (i > 0) monotone = monotone && q.floats()[i] >= q.floats()[i - 1];
      const bool clipped = q.floats()[i] == q.floats()[0] || q.floats()[i] == q.floats()[2000];
      if (format.grid.kind == Grid::Kind::integer && !clipped && !format.holds_numbers() &&
          !format.scaling.unit)
        near = near && std::abs(q.floats()[i] - x.floats()[i]) <= 0.5001f * codes.scale();
    }
    CHECK(monotone);
    CHECK(near);
  }
}

TEST_CASE("quantizer: stochastic rounding of every format is right on average") {
  constexpr int draws = 800;
  Tensor x({4, 12}), q;
  for (std::int64_t i = 0; i < x.elements(); ++i)
    x.floats()[i] = (i % 2 == 0 ? 1.0f : -1.0f) * (0.05f + 0.019f * static_cast<float>(i));
  for (const std::string& text : all_formats()) {
    CAPTURE(text);
    const Format format = with_rounding(text, Rounding::stochastic);
    // To the nearest alone; of squashed values; the scale is thrown away.
    if (format.rounding != Rounding::stochastic || format.scaling.rule == Scaling::Rule::trained ||
        format.squashed || format.scaling.unit)
      continue;
    // Where values are clipped nothing is expected.
    float least = -1e30f, most = 1e30f;
    if (!format.holds_numbers()) {
      Tensor codes;
      Quantizer(format, "q").encode(x, {}, codes);
      const float scale = *std::min_element(codes.scales.begin(), codes.scales.end());
      least = scale * static_cast<float>(format.grid.least() - codes.zero_point);
      most = scale * static_cast<float>(format.grid.most() - codes.zero_point);
    }
    std::vector<double> sums(48, 0.0), squares(48, 0.0);
    for (int draw = 0; draw < draws; ++draw) {
      Quantizer(format, "q").quantize(x, {.seed = 9, .step = static_cast<std::uint64_t>(draw)}, q);
      for (std::size_t i = 0; i < sums.size(); ++i) {
        const double v = static_cast<double>(q.floats()[i]);
        sums[i] += v;
        squares[i] += v * v;
      }
    }
    int seen = 0;
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const float value = x.floats()[i];
      const auto size = static_cast<double>(std::abs(value));
      if (value < least || value > most) continue;
      // A block's range is a power of two, which is no code; a posit never becomes zero.
      if (format.scaling.rule == Scaling::Rule::block &&
          size * (format.grid.most() + 1) >
              std::exp2(std::floor(std::log2(size)) + 1) * format.grid.most())
        continue;
      if (format.grid.kind == Grid::Kind::posit &&
          std::abs(value) < positive_posits(format.grid.bits, format.grid.exponent).front())
        continue;
      ++seen;
      const double mean = sums[i] / draws;
      const double variance = std::max(0.0, squares[i] / draws - mean * mean);
      CHECK(std::abs(mean - static_cast<double>(value)) <
            5 * std::sqrt(variance / draws) + 0.002 * size);
    }
    CHECK(seen > 4);
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

TEST_CASE("quantizer: NaN and infinity are errors, zeros are not") {
  Tensor x({3}), codes, q;
  x.fill_zero();
  for (const std::string& text : all_formats()) {
    Quantizer(parse_format(text), "q").quantize(x, {.training = true}, q);
    const bool without_zero = text.starts_with("binary") || text.starts_with("midrise");
    if (!without_zero) CHECK(q.floats()[1] == 0);
  }
  for (const float bad : {std::nanf(""), INFINITY, -INFINITY}) {
    x.floats()[1] = bad;
    for (const char* text :
         {"int8/absmax", "int8/absmax/channel", "int8/absmax/channel/outlier", "uint8/minmax",
          "int8/pow2", "binary/meanabs", "int8/step7", "int8/block", "codebook4", "int8/overflow",
          "int8/learned", "int8/range1", "int8/absmax/sample", "midrise2/range1/tanh"}) {
      CAPTURE(std::string(text));
      CHECK_THROWS_AS(Quantizer(parse_format(text), "q").encode(x, {}, codes), Error);
    }
  }
}

#include "quant/integer/requantizer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "framework/check.h"
#include "framework/parallel.h"

namespace octet {
namespace {

constexpr std::int64_t int32_least = std::numeric_limits<std::int32_t>::min();
constexpr std::int64_t int32_most = std::numeric_limits<std::int32_t>::max();

std::int32_t saturated(std::int64_t value) {
  return static_cast<std::int32_t>(std::clamp(value, int32_least, int32_most));
}

// gemmlowp's SaturatingRoundingDoublingHighMul without its doubling: a * b / 2^31, ties up.
std::int32_t high_product(std::int32_t a, std::int32_t b) {
  const std::int64_t product = std::int64_t{a} * b;
  const std::int64_t nudge = product >= 0 ? std::int64_t{1} << 30 : 1 - (std::int64_t{1} << 30);
  return saturated((product + nudge) / (std::int64_t{1} << 31));
}

// Below this sums times values of 24 bits are doubles without rounding.
constexpr std::int64_t exact_sums = std::int64_t{1} << 29;

// Added and taken away again, it rounds a double below 2^51 to the nearest integer, ties to even.
constexpr double rounder = 0x1.8p52;

// One period of columns: round((sum + bias) * factor), clipped before it is rounded, which is the
// same between whole numbers.
template <class Code>
OCTET_KERNEL void requantize_columns(const std::int32_t* sums, const std::int32_t* bias,
                                     const double* factors, std::int64_t count, double least,
                                     double most, std::int32_t zero_point, Code* codes) {
  for (std::int64_t i = 0; i < count; ++i) {
    double x = static_cast<double>(sums[i] + bias[i]) * factors[i];
    x = x < least ? least : x;
    x = x > most ? most : x;
    codes[i] = static_cast<Code>(static_cast<std::int32_t>((x + rounder) - rounder) + zero_point);
  }
}

std::int64_t period_of(std::int64_t filters) {
  constexpr std::int64_t enough = 128;
  return filters * std::max<std::int64_t>(1, enough / filters);
}

}  // namespace

Requantizer::Requantizer(std::span<const std::int32_t> bias,
                         std::span<const Multiplier> multipliers, std::int64_t largest,
                         std::int32_t zero_point, bool rectify, RequantRounding rounding)
    : filters_(static_cast<std::int64_t>(bias.size())),
      multipliers_(multipliers.begin(), multipliers.end()),
      zero_point_(zero_point),
      least_(rectify ? zero_point : 0),
      rounding_(rounding) {
  const std::int64_t period = period_of(filters_);
  bias_.reserve(static_cast<std::size_t>(period));
  for (std::int64_t i = 0; i < period; i += filters_)
    bias_.insert(bias_.end(), bias.begin(), bias.end());
  if (rounding != RequantRounding::half_even || largest >= exact_sums) return;
  for (std::int64_t i = 0; i < period; ++i) {
    const Multiplier& m = multipliers_[static_cast<std::size_t>(i % filters_)];
    factors_.push_back(std::ldexp(static_cast<double>(m.value), -m.shift));
  }
}

void Requantizer::run(const std::int32_t* sums, std::int64_t rows, std::uint8_t* codes) const {
  const auto period = static_cast<std::int64_t>(factors_.size());
  if (period > 0) {
    const std::int64_t count = rows * filters_;
    for (std::int64_t i = 0; i < count; i += period)
      requantize_columns(sums + i, bias_.data(), factors_.data(), std::min(period, count - i),
                         static_cast<double>(least_ - zero_point_),
                         static_cast<double>(255 - zero_point_), zero_point_, codes + i);
    return;
  }
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t k = 0; k < filters_; ++k, ++sums, ++codes) {
      const auto at = static_cast<std::size_t>(k);
      const std::int64_t code =
          std::int64_t{zero_point_} +
          multiply(saturated(std::int64_t{*sums} + bias_[at]), multipliers_[at], rounding_);
      *codes = static_cast<std::uint8_t>(std::clamp<std::int64_t>(code, least_, 255));
    }
}

void Requantizer::run(const std::int32_t* sums, std::int64_t rows, std::int32_t* scores) const {
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t k = 0; k < filters_; ++k, ++sums, ++scores) {
      const auto at = static_cast<std::size_t>(k);
      *scores = multiply(saturated(std::int64_t{*sums} + bias_[at]), multipliers_[at], rounding_);
    }
}

std::int64_t largest_sum(std::span<const std::int8_t> weights, std::span<const std::int32_t> bias,
                         std::int32_t zero_point) {
  const std::int64_t farthest = std::max(zero_point, 255 - zero_point);
  const std::size_t row = weights.size() / bias.size();
  std::int64_t most = 0;
  for (std::size_t k = 0; k < bias.size(); ++k) {
    std::int64_t sum = 0;
    for (const std::int8_t code : weights.subspan(k * row, row)) sum += std::abs(code);
    most = std::max(most, sum * farthest + std::abs(std::int64_t{bias[k]}));
  }
  return most;
}

std::string_view print(RequantRounding rounding) {
  switch (rounding) {
    case RequantRounding::half_even:
      return "half-even";
    case RequantRounding::half_away:
      return "half-away";
    case RequantRounding::double_rounding:
      break;
  }
  return "double";
}

RequantRounding parse_requant_rounding(std::string_view text) {
  for (const RequantRounding rounding :
       {RequantRounding::half_even, RequantRounding::half_away, RequantRounding::double_rounding})
    if (text == print(rounding)) return rounding;
  fail(Failure::usage, "unknown rounding '", text, "', expected half-even, half-away or double");
}

Multiplier multiplier_of(double real, RequantRounding rounding) {
  check(real >= 0 && real < 256, Failure::usage, "a multiplier of ", real,
        " between sums and codes: expected one from 0 to 256");
  if (real < 0x1p-32) return {};
  const int bits = rounding == RequantRounding::double_rounding ? 31 : 24;
  int exponent = 0;
  const double fraction = std::frexp(real, &exponent);  // in [0.5, 1)
  auto value = static_cast<std::int64_t>(std::nearbyint(std::ldexp(fraction, bits)));
  if (value == std::int64_t{1} << bits) {
    value /= 2;
    ++exponent;
  }
  return {static_cast<std::int32_t>(value), bits - exponent};
}

std::int32_t shift_right(std::int64_t sum, int shift, RequantRounding rounding) {
  if (shift == 0) return saturated(sum);
  const std::int64_t below = sum >> shift, half = std::int64_t{1} << (shift - 1);
  const std::int64_t rest = sum - (below << shift);
  const bool tie_goes_up = rounding == RequantRounding::half_even ? (below & 1) != 0 : sum >= 0;
  return saturated(below + (rest > half || (rest == half && tie_goes_up) ? 1 : 0));
}

std::int32_t multiply(std::int32_t sum, const Multiplier& multiplier, RequantRounding rounding) {
  if (rounding != RequantRounding::double_rounding)
    return shift_right(std::int64_t{sum} * multiplier.value, multiplier.shift, rounding);
  if (multiplier.shift >= 31)
    return shift_right(high_product(sum, multiplier.value), multiplier.shift - 31, rounding);
  return high_product(saturated(std::int64_t{sum} << (31 - multiplier.shift)), multiplier.value);
}

}  // namespace octet

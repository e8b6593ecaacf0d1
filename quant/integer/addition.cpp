#include "quant/integer/addition.h"

#include <algorithm>
#include <cmath>

#include "framework/check.h"
#include "framework/parallel.h"

namespace octet {
namespace {

// Two products of differences of codes with multipliers below 2^22, and half of what is shifted
// out, stay below 2^31.
constexpr int value_bits = 22;
constexpr std::int32_t most_value = (1 << value_bits) - 1;
constexpr int most_shift = 24;

// Half to even. The low bits of what is added, half less one and the last bit of the quotient,
// carry into the quotient where it has to be rounded up.
OCTET_KERNEL void add_half_even(const std::uint8_t* a, const std::uint8_t* b, std::int64_t count,
                                std::int32_t ma, std::int32_t mb, std::int32_t constant, int shift,
                                std::int32_t least, std::int32_t zero_point, std::uint8_t* codes) {
  const std::int32_t below_half = (1 << (shift - 1)) - 1;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int32_t sum = a[i] * ma + b[i] * mb + constant;
    const std::int32_t rounded = (sum + below_half + ((sum >> shift) & 1)) >> shift;
    std::int32_t code = rounded + zero_point;
    code = code < least ? least : code;
    code = code > 255 ? 255 : code;
    codes[i] = static_cast<std::uint8_t>(code);
  }
}

}  // namespace

Addition::Addition(float a_scale, std::int32_t a_zero, float b_scale, std::int32_t b_zero,
                   const Edge& output, bool rectify, RequantRounding rounding)
    : zero_point_(output.zero_point), least_(rectify ? output.zero_point : 0), rounding_(rounding) {
  const double a = static_cast<double>(a_scale) / static_cast<double>(output.scale);
  const double b = static_cast<double>(b_scale) / static_cast<double>(output.scale);
  const double most = std::max(a, b);
  check(most > 0x1p-20 && most < 0x1p12, Failure::usage, "an addition of codes of scales ", a_scale,
        " and ", b_scale, " to codes of scale ", output.scale,
        ": expected scales less than 2^12 apart");
  int exponent = 0;
  std::frexp(most, &exponent);  // most = fraction * 2^exponent, fraction below 1
  shift_ = std::min(value_bits - exponent, most_shift);
  const auto multiplier = [&](double ratio) {
    return std::min(most_value,
                    static_cast<std::int32_t>(std::nearbyint(std::ldexp(ratio, shift_))));
  };
  ma_ = multiplier(a);
  mb_ = multiplier(b);
  constant_ = -a_zero * ma_ - b_zero * mb_;
}

Addition::Addition(std::span<const Multiplier> multipliers, std::int32_t a_zero,
                   std::int32_t b_zero, std::int32_t output_zero, bool rectify,
                   RequantRounding rounding)
    : ma_(multipliers[0].value),
      mb_(multipliers[1].value),
      constant_(-a_zero * ma_ - b_zero * mb_),
      shift_(multipliers[0].shift),
      zero_point_(output_zero),
      least_(rectify ? output_zero : 0),
      rounding_(rounding) {}

void Addition::run(const std::uint8_t* a, const std::uint8_t* b, std::int64_t count,
                   std::uint8_t* codes) const {
  if (rounding_ != RequantRounding::half_even) return run_plain(a, b, count, codes);
  add_half_even(a, b, count, ma_, mb_, constant_, shift_, least_, zero_point_, codes);
}

void Addition::run_plain(const std::uint8_t* a, const std::uint8_t* b, std::int64_t count,
                         std::uint8_t* codes) const {
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t sum = std::int64_t{a[i]} * ma_ + std::int64_t{b[i]} * mb_ + constant_;
    const std::int64_t code = std::int64_t{zero_point_} + shift_right(sum, shift_, rounding_);
    codes[i] = static_cast<std::uint8_t>(std::clamp<std::int64_t>(code, least_, 255));
  }
}

}  // namespace octet

// From the int32 sums of a product to the 8-bit codes of the next layer, without a float:
//   code = clip(zero_point + round(sum * value / 2^shift), least, most)
// Jacob et al. 2017 (1712.05877), section 2.2.
#pragma once

#include <cstdint>
#include <string_view>

namespace octet {

/// How sum * value / 2^shift becomes a whole number.
enum class RequantRounding {
  half_even,        ///< once, ties to the even number: what float runtimes do; values of 24 bits
  half_away,        ///< once, ties away from zero; values of 24 bits
  double_rounding,  ///< as gemmlowp and TensorFlow Lite: to sum * value / 2^31 and then to the rest
                    ///< of the shift, ties up and away from zero; values of 31 bits
};

std::string_view print(RequantRounding rounding);
/// Throws Error(usage) unless the text is half-even, half-away or double.
RequantRounding parse_requant_rounding(std::string_view text);

/// The real number value / 2^shift; 0 <= shift <= 62.
struct Multiplier {
  std::int32_t value = 0;
  int shift = 0;
  bool operator==(const Multiplier&) const = default;
};

/// The nearest multiplier to `real` >= 0, with as many significant bits as the rounding asks for.
/// Below 2^-32 it is 0. Throws Error(usage) for 2^8 and more: scales that far apart are a mistake.
Multiplier multiplier_of(double real, RequantRounding rounding);

/// round(sum * value / 2^shift); saturates at the ends of int32.
std::int32_t multiply(std::int32_t sum, const Multiplier& multiplier, RequantRounding rounding);

/// round(sum / 2^shift), ties as the rounding says (double_rounding: away from zero).
std::int32_t shift_right(std::int64_t sum, int shift, RequantRounding rounding);

}  // namespace octet

// From the int32 sums of a product to the 8-bit codes of the next layer, without a float:
//   code = clip(zero_point + round(sum * value / 2^shift), least, most)
// Jacob et al. 2017 (1712.05877), section 2.2.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

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

/// The output stage of a product: rows of sums, a column a filter.
class Requantizer {
 public:
  /// `largest`: the largest magnitude that sum + bias can have. A rectifying one gives no code
  /// below zero_point, others none below 0; none gives more than 255.
  Requantizer(std::span<const std::int32_t> bias, std::span<const Multiplier> multipliers,
              std::int64_t largest, std::int32_t zero_point, bool rectify,
              RequantRounding rounding);
  /// rows x filters sums -> as many codes.
  void run(const std::int32_t* sums, std::int64_t rows, std::uint8_t* codes) const;
  /// -> scores, round((sum + bias) * multiplier).
  void run(const std::int32_t* sums, std::int64_t rows, std::int32_t* scores) const;

 private:
  std::int64_t filters_;
  std::vector<std::int32_t> bias_;  // repeated so that short rows fill vectors
  std::vector<double> factors_;     // the multipliers where doubles hold every product, else none
  std::vector<Multiplier> multipliers_;
  std::int32_t zero_point_, least_;
  RequantRounding rounding_;
};

/// The largest magnitude of a filter's bias + sum of weight * (code - zero_point), for any codes of
/// 8 bits: what Requantizer asks for. `weights`: int8, a filter for each bias.
std::int64_t largest_sum(std::span<const std::int8_t> weights, std::span<const std::int32_t> bias,
                         std::int32_t zero_point);

/// round(sum / 2^shift), ties as the rounding says (double_rounding: away from zero).
std::int32_t shift_right(std::int64_t sum, int shift, RequantRounding rounding);

}  // namespace octet

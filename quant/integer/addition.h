// The sum of two tensors of codes, each with a scale of its own, in integers and rounded once:
//   code = clip(zero_point + round(((a - za) ma + (b - zb) mb) / 2^shift))
#pragma once

#include "quant/integer/integer_network.h"

namespace octet {

class Addition {
 public:
  /// `output`: its scale and zero point. Throws Error(usage) where the scales are more than 2^12
  /// apart.
  Addition(float a_scale, std::int32_t a_zero, float b_scale, std::int32_t b_zero,
           const Edge& output, bool rectify, RequantRounding rounding);
  /// Of multipliers found before: two of one shift.
  Addition(std::span<const Multiplier> multipliers, std::int32_t a_zero, std::int32_t b_zero,
           std::int32_t output_zero, bool rectify, RequantRounding rounding);

  /// `count` codes.
  void run(const std::uint8_t* a, const std::uint8_t* b, std::int64_t count,
           std::uint8_t* codes) const;
  /// The same by the loop that defines it.
  void run_plain(const std::uint8_t* a, const std::uint8_t* b, std::int64_t count,
                 std::uint8_t* codes) const;
  std::vector<Multiplier> multipliers() const { return {{ma_, shift_}, {mb_, shift_}}; }

 private:
  std::int32_t ma_ = 0, mb_ = 0, constant_ = 0;  // constant_: -za ma - zb mb
  int shift_ = 0;
  std::int32_t zero_point_, least_;
  RequantRounding rounding_;
};

}  // namespace octet

// Pooling of unsigned codes, one image of H x W x C at a time. Windows have no padding; the last
// ones are cut off at the edge.
#pragma once

#include "quant/integer/integer_network.h"

namespace octet {

/// The largest codes of windows of `window` x `window`.
void max_pool_codes(const std::uint8_t* codes, const Shape& input, std::int64_t window,
                    std::int64_t stride, const Shape& output, std::uint8_t* pooled);

/// Sums of codes over windows that lie within the image.
void sum_windows(const std::uint8_t* codes, const Shape& input, const Window& window,
                 const Shape& output, std::int32_t* sums);

/// From the sums of `positions` codes to the code of their mean:
///   code = clip(zero_point + round((sum - positions * input zero point) * multiplier))
class Averaging {
 public:
  Averaging(float input_scale, std::int32_t input_zero, std::int64_t positions, const Edge& output,
            bool rectify, RequantRounding rounding);
  Averaging(const Multiplier& multiplier, std::int32_t input_zero, std::int64_t positions,
            std::int32_t output_zero, bool rectify, RequantRounding rounding);
  void run(const std::int32_t* sums, std::int64_t count, std::uint8_t* codes) const;
  const Multiplier& multiplier() const { return multiplier_; }

 private:
  Multiplier multiplier_;
  std::int64_t shift_;  // taken off each sum
  std::int32_t zero_point_, least_;
  RequantRounding rounding_;
};

}  // namespace octet

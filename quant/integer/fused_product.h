// A product of codes with all that follows it up to the next codes, in integers. On reals, for each
// filter k,
//   y[k] = factor[k] * (input scale * weight scale[k] * sum) + offset[k]
// where factor and offset hold the bias and a batch normalisation with fixed statistics. A factor
// moves into the filter's scale and, where it is negative, its sign into the codes: the codes of a
// filter's weights are the same before and after folding, since each filter has a scale of its own.
#pragma once

#include <span>
#include <vector>

#include "framework/tensor.h"
#include "quant/integer/integer_network.h"

namespace octet {

struct FusedProduct {
  Tensor weights;                  ///< int8, scales those of y; the filters' zeros stay zeros
  std::vector<float> offsets;      ///< of y, as given, rounded to float32
  std::vector<std::int32_t> bias;  ///< offsets in units of the input's scale times the filter's
  std::vector<Multiplier> multipliers;

  /// What makes codes of `output` from the sums of codes of the input.
  Requantizer requantizer(std::int32_t input_zero_point, const Edge& output, bool rectify,
                          RequantRounding rounding) const;
};

/// `weights`: int8 codes, one scale or one a filter (the first axis). `output`: its scale is set
/// here to the sums' own where its element is int32. A filter whose offset is too large for its
/// sums to matter becomes a constant, with weights of zero. Throws Error(numbers) where numbers are
/// not finite.
FusedProduct fuse(const Tensor& weights, std::span<const double> factors,
                  std::span<const double> offsets, float input_scale, Edge& output,
                  RequantRounding rounding);

/// As `stage` of a network has them.
void put_into(FusedProduct product, Stage& stage);

}  // namespace octet

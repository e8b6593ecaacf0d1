// A Format at work on one tensor: it owns what must be remembered (the smoothed range).
// Its law:  quantize(x) == decode(encode(x)).
// Scales keep 24 - bits significant bits, so that code * scale is exact in float32 and a value on
// the grid is a fixed point of quantize.
#pragma once

#include <string>

#include "framework/layer.h"
#include "framework/tensor.h"
#include "quant/numbers/format.h"

namespace octet {

class Quantizer {
 public:
  /// `stream` names the random numbers of stochastic rounding: "conv1.errors".
  explicit Quantizer(Format format = {}, std::string stream = "");

  /// float32 tensor -> codes of element format().element() with their scales and zero point. In
  /// training a smoothed range is updated first; until it was, ranges are those of `values`.
  /// With `factors` (one for each index of the last axis; integer grids with step, absmax or pow2
  /// only) the values are multiplied by them first.
  void encode(const Tensor& values, const Pass& pass, Tensor& codes,
              const std::vector<float>* factors = nullptr) {
    encode_as(format_.element(), values, pass, codes, factors);
  }
  /// The same codes held as `element` (float32 holds every code).
  void encode_as(Element element, const Tensor& values, const Pass& pass, Tensor& codes,
                 const std::vector<float>* factors = nullptr);

  /// Real to real: what decode(encode(values)) gives.
  void quantize(const Tensor& values, const Pass& pass, Tensor& result);

  const Format& format() const { return format_; }
  /// Smoothed {least, most} (0, 0 before the first training batch); float32, 2 elements.
  Tensor& range() { return range_; }

 private:
  void find_scales(const Tensor& values, const Pass& pass, const std::vector<float>* factors,
                   Tensor& codes);
  void smooth(float least, float most);

  Format format_;
  std::uint64_t stream_;
  Tensor range_;
  Tensor scratch_;
};

/// Codes -> reals: scale * (code - zero_point).
void decode(const Tensor& codes, Tensor& reals);

/// `value` to the nearest number of a floating grid (ties to even; overflow to infinity, subnormal
/// numbers kept), or stochastically with `random` bits.
float round_to_grid(float value, const Grid& grid, Rounding rounding, std::uint32_t random);

}  // namespace octet

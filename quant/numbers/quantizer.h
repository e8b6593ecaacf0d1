// A Format at work on one tensor: it owns what must be remembered (a smoothed range, the exponent
// and the counts of dynamic fixed point, a learned step).
// Its law:  quantize(x) == decode(encode(x)).
// A smoothed range is that of earlier batches: a value can be encoded before the rest of its batch
// is known, on the way out of the kernel that makes it (flow_scales, observe).
// Scales keep 24 - bits significant bits, so that code * scale is exact in float32 (of an outlier,
// rounded once) and a value on the grid is a fixed point of quantize.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "framework/layer.h"
#include "framework/random.h"
#include "framework/tensor.h"
#include "quant/numbers/format.h"
#include "quant/numbers/requantize.h"

namespace octet {

class Quantizer {
 public:
  /// `stream` names the random numbers of stochastic rounding: "conv1.errors".
  explicit Quantizer(Format format = {}, std::string stream = "");

  /// float32 tensor -> codes of element format().element() with their scales and zero point. A
  /// smoothed range is that of earlier training batches, or that of `values` before the first; in
  /// training it then takes in that of `values`.
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

  /// Of squashed weights: dLoss/d(tanh(w) / most) becomes dLoss/dw, in place.
  void unsquash(const Tensor& weights, Tensor& gradient) const;

  const Format& format() const { return format_; }
  void round_to_nearest() { format_.rounding = Rounding::nearest; }
  /// What is remembered, float32, zeros before the first training batch. Smoothed: {least, most},
  /// with channels the largest magnitude of each. Rule overflow: {1, exponent, sums of the rates at
  /// which values reached 2^exponent and half of it, batches counted}. Rule learned: {step}. Rule
  /// trained: {P, N}.
  Tensor& range() { return range_; }

  /// Whether codes can flow: 8 bits on both sides of zero, with a scale known beforehand or found
  /// late.
  bool flows() const;
  /// Whether the scale is that of the very values: they must all be there before the first is
  /// encoded (late_scale).
  bool finds_scale_late() const { return format_.scaling.rule == Scaling::Rule::pow2; }
  /// The scale of values whose largest magnitude is `most`.
  float late_scale(float most) const;
  /// Of activations that stop errors: the code at which they do while codes flow, its largest; 0
  /// for none. Codes do not tell a value that was clipped from one that was rounded to the end.
  std::uint8_t stop_code() const;
  /// One range for each of so many channels (the last axis) from now on.
  void use_channels(std::int64_t channels);
  bool has_channels() const { return channels_; }
  /// Whether flow_scales can be asked.
  bool knows_range() const;
  /// The scales, one or one a channel, of the codes that come next. Values that are never negative
  /// have the codes 0 .. flow_most(true), with steps half as wide where the range sets the scale.
  void flow_scales(bool nonnegative, std::vector<float>& scales) const;
  float flow_most(bool nonnegative) const;
  /// Scale and zero point of codes that reach further on one side of 0 than on the other.
  struct Affine {
    float scale = 1;
    std::int32_t zero_point = 0;
    bool operator==(const Affine&) const = default;
  };
  /// Whether flow_affine can be asked: one range for all, which sets the scale.
  bool has_affine_flow() const {
    return format_.scaling.rule == Scaling::Rule::absmax && !channels_;
  }
  /// Of codes 0 .. flow_most(true): from `least` (below 0), or from minus the remembered range
  /// where that is nearer to 0, up to the range.
  Affine flow_affine(float least) const;
  /// Of the remembered least and most of rule minmax.
  Affine affine() const { return affine_of(range_.floats()[0], range_.floats()[1]); }
  /// Takes in the largest magnitudes of a training batch, one or one a channel. Throws
  /// Error(numbers) unless they are finite.
  void observe(std::span<const float> most);

  /// What metered passes have counted.
  Tally& tally() { return tally_; }
  /// The random numbers of this quantizer in a pass.
  std::uint64_t key(const Pass& pass) const { return random_key(pass.seed, stream_, pass.step); }

 private:
  void find_scales(const Tensor& values, const Pass& pass, const std::vector<float>* factors,
                   Tensor& codes);
  float overflow_scale(const Tensor& values, const Pass& pass);
  float learned_scale(const Tensor& values, const Pass& pass);
  void encode_groups(const Tensor& values, const Pass& pass, Tensor& codes);
  void find_outliers(const Tensor& values, Tensor& codes) const;
  void put_outliers(Tensor& codes) const;
  void encode_codebook(const Tensor& values, Tensor& codes) const;
  void encode_trained(const Tensor& values, const Pass& pass, Tensor& codes);
  Affine affine_of(float least, float most) const;
  void smooth(float least, float most);
  void meter(const Tensor& values, const std::vector<float>* factors, const Tensor& codes);

  Format format_;
  std::uint64_t stream_;
  Tensor range_;
  bool channels_ = false;
  Tally tally_;
  Tensor scratch_, squashed_;
};

/// Of rule trained: the share of the largest magnitude up to which weights are 0.
inline constexpr float trained_threshold = 0.05f;

/// The next number at or above `scale` whose product with a code of so many bits is exact in
/// float32: 24 - bits significant bits.
float coarse_scale(float scale, int bits = 8);

/// `value` to the nearest number of a floating grid (ties to even; overflow to infinity, subnormal
/// numbers kept), or stochastically with `random` bits.
float round_to_grid(float value, const Grid& grid, Rounding rounding, std::uint32_t random);

}  // namespace octet

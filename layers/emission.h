// The way out of a kernel: values that are known as sums or codes, real = scale[k] * x (+ ...),
// become codes of an Outlet's quantizer, or float32 where it has none.
#pragma once

#include <functional>
#include <span>

#include "framework/code_products.h"
#include "layers/flow.h"

namespace octet {

/// real = sum over the terms of scale[k] * code, + offset[k]; scales one a channel or one for all.
struct EmittedTerm {
  const Tensor* codes = nullptr;
  std::span<const float> scales;
};

class Emission {
 public:
  /// Sums of a product, N x ... x K: `product` runs it and hands its blocks to the body it is given
  /// (twice when the outlet's range is not known yet). `offsets` may be empty; `mask` null.
  void sums(const Outlet& outlet, const Pass& pass, const Shape& shape,
            std::span<const float> scales, std::span<const float> offsets, const Tensor* mask,
            const std::function<void(const products::SumsBody&)>& product, Tensor& out);

  /// One or two tensors of codes of the same shape.
  void codes(const Outlet& outlet, const Pass& pass, const EmittedTerm& first,
             const EmittedTerm& second, std::span<const float> offsets, const Tensor* mask,
             Tensor& out);

 private:
  /// Sums of values whose scale is found late: all of them, then their codes.
  void late_sums(const Outlet& outlet, const Pass& pass, const Shape& shape,
                 std::span<const float> scales, std::span<const float> offsets, const Tensor* mask,
                 const std::function<void(const products::SumsBody&)>& product, Tensor& out);
  /// codes_scales_ and zero_point_ of the codes that come out.
  void find_scales(const Outlet& outlet);
  /// Once those are known.
  void prepare(const Outlet& outlet, const Pass& pass, const Shape& shape,
               std::span<const float> scales, std::span<const float> offsets, const Tensor* mask,
               Tensor& out);
  /// values[k] in units of the scale of the codes that come out, by the outlet's factors.
  void set_term(const Outlet& outlet, std::int64_t channels, std::span<const float> values,
                Columns& columns);
  /// The range of a first batch, from the largest magnitudes of its channels in most_.
  void observe_first(const Outlet& outlet, const Pass& pass);
  void finish(const Outlet& outlet, const Pass& pass, const Tally& tally);

  Tensor gathered_;
  bool borrowed_range_ = false;  // an evaluation before any training leaves no range behind
  Requantization how_;
  std::uint64_t key_ = 0;
  std::int32_t zero_point_ = 0;
  std::vector<float> codes_scales_, scaled_, most_;
  Columns factor_, second_factor_, addend_factor_, offset_;
};

}  // namespace octet

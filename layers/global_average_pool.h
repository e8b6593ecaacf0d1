// The mean of each channel over all positions: N x H x W x C -> N x 1 x 1 x C.
#pragma once

#include "framework/layer.h"

namespace octet {

class GlobalAveragePool : public Layer {
 public:
  static std::unique_ptr<Layer> from(SpecReader& reader);
  Spec spec() const override { return {.kind = "global_average_pool"}; }
  /// Throws Error(usage) for anything but images.
  Shape connect(const Shape& input) override;
  const Tensor& forward(const Tensor& input, const Pass& pass) override;
  const Tensor& backward(const Tensor& error, const Pass& pass) override;

 private:
  Shape input_;  // H x W x C
  Tensor output_, passed_;
};

}  // namespace octet

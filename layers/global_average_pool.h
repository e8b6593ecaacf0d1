// The mean of each channel over all positions: N x H x W x C -> N x 1 x 1 x C.
#pragma once

#include "layers/average_pooling_of_codes.h"

namespace octet {

class GlobalAveragePool : public FlowLayer {
 public:
  static std::unique_ptr<Layer> from(SpecReader& reader);
  Spec spec() const override { return {.kind = "global_average_pool"}; }
  /// Throws Error(usage) for anything but images.
  Shape connect(const Shape& input) override;
  const Tensor& forward(const Tensor& input, const Pass& pass) override;
  const Tensor& backward(const Tensor& error, const Pass& pass) override;
  kernels::PoolGeometry geometry() const;
  const Tensor* latest_output() const override { return &output_; }

  bool masks_reals() const override { return true; }
  void set_flow_formats(const Format& activations, const Format& errors) override {
    codes_.set_formats(name(), activations, errors);
  }
  Quantizer* input_quantizer() override { return codes_.input_quantizer(); }
  Outlet error_inlet() override { return codes_.error_inlet(); }
  std::vector<std::pair<std::string, Tensor*>> state() override { return codes_.state(name()); }

 protected:
  std::vector<std::pair<std::string, Quantizer*>> quantizers() override {
    return codes_.quantizers();
  }

 private:
  const Tensor* received_ = nullptr;
  AveragePoolingOfCodes codes_;
  Shape input_;  // H x W x C
  Tensor sums_, output_, passed_;
};

}  // namespace octet

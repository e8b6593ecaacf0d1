// The mean of each window.
#pragma once

#include "layers/average_pooling_of_codes.h"
#include "layers/pooling.h"

namespace octet {

class AveragePool : public Pooling {
 public:
  explicit AveragePool(const Options& options) : Pooling(options) {}
  /// Reads window and stride (the window unless given). Throws Error(usage).
  static std::unique_ptr<Layer> from(SpecReader& reader);
  Spec spec() const override { return spec_of("average_pool"); }
  const Tensor* latest_output() const override { return &output_; }
  const Tensor& forward(const Tensor& input, const Pass& pass) override;
  const Tensor& backward(const Tensor& error, const Pass& pass) override;
  Role role() const override { return whole_windows() ? Role::maker : Role::stopper; }
  void set_flow_formats(const Format& activations, const Format& errors) override;
  Quantizer* input_quantizer() override { return codes_.input_quantizer(); }
  Outlet error_inlet() override { return codes_.error_inlet(); }
  std::vector<std::pair<std::string, Tensor*>> state() override { return codes_.state(name()); }

 protected:
  std::vector<std::pair<std::string, Quantizer*>> quantizers() override {
    return codes_.quantizers();
  }

 private:
  AveragePoolingOfCodes codes_;
};

}  // namespace octet

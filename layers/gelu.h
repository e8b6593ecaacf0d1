// GELU (Hendrycks, Gimpel 2016) in its form with tanh: with u = sqrt(2 / pi) (x + 0.044715 x^3)
//   y = x s,   s = (1 + tanh(u)) / 2 = 1 / (1 + e^(-2u)),   dy/dx = s + x s (1 - s) d(2u)/dx.
// The same bits on every instruction set. Codes are looked up: y and dy/dx of each of the 256, in
// units of 2^-14, are what is encoded anew. In integers (quant/integer) a table of 256 codes is
// all.
#pragma once

#include <array>
#include <vector>

#include "layers/emission.h"
#include "layers/simulated_codes.h"

namespace octet {

class Gelu : public FlowLayer {
 public:
  static std::unique_ptr<Layer> from(SpecReader& reader);
  Spec spec() const override { return {.kind = "gelu"}; }
  Shape connect(const Shape& input) override { return input; }
  /// float32, bfloat16 or codes; of reals outputs and errors have the element of the input.
  const Tensor& forward(const Tensor& input, const Pass& pass) override;
  const Tensor& backward(const Tensor& error, const Pass& pass) override;
  const Tensor* latest_output() const override { return &output_; }
  float least_output() const override { return -0.17004f; }  // to five places, at x = -0.7525
  /// There y is -0.004 and dy/dx -0.012, and both are nearer 0 below: a step of codes or less.
  float least_input() const override { return -3; }
  bool takes_zero_points() const override { return true; }
  /// In integers: the code of each of the 256 that come in with that scale and zero point, on the
  /// edge that they leave by.
  static std::vector<std::uint8_t> table(float scale, std::int32_t zero_point, const Edge& output,
                                         bool rectify);

  void set_flow_formats(const Format& activations, const Format& errors) override;
  Quantizer* input_quantizer() override {
    return simulated_.on() ? &simulated_.quantizer() : &activations_;
  }
  Outlet error_inlet() override { return {.quantizer = &errors_}; }
  std::vector<std::pair<std::string, Tensor*>> state() override;

 protected:
  std::vector<std::pair<std::string, Quantizer*>> quantizers() override {
    return {{"activations", &activations_}, {"errors", &errors_}};
  }

 private:
  void evaluate_integers(const Tensor& codes);
  const Tensor& forward_codes(const Tensor& input, const Pass& pass);
  const Tensor& backward_codes(const Tensor& error, const Pass& pass);
  const Tensor* input_ = nullptr;
  Tensor output_, passed_;
  Quantizer activations_, errors_;
  SimulatedCodes simulated_;
  Emission emission_;
  Tensor error_codes_;
  std::array<std::int32_t, 256> values_{}, slopes_{};  // of each code, by its byte
};

}  // namespace octet

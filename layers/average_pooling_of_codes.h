// Average pooling where values are codes, or are to be, for windows that lie within the image: on
// codes that flow while training, simulated in float32, and in the integers that come of that.
#pragma once

#include "layers/code_pooling.h"
#include "layers/emission.h"
#include "layers/simulated_codes.h"

namespace octet {

class AveragePoolingOfCodes {
 public:
  void set_formats(const std::string& layer, const Format& activations, const Format& errors);
  Quantizer* input_quantizer() { return simulated_.on() ? &simulated_.quantizer() : &activations_; }
  /// Reals as training with simulated codes sees them, and their errors.
  SimulatedCodes& simulated() { return simulated_; }
  /// In the integers of quant/integer/integer_network.h: `edge` is that of the codes that leave.
  static void evaluate(const Tensor& codes, const kernels::PoolGeometry& geometry, const Edge& edge,
                       bool rectify, Tensor& output);
  Outlet error_inlet() { return {.quantizer = &errors_}; }
  std::vector<std::pair<std::string, Tensor*>> state(const std::string& layer);
  std::vector<std::pair<std::string, Quantizer*>> quantizers();

  void forward(const Tensor& input, const kernels::PoolGeometry& geometry, const Outlet& outlet,
               const Pass& pass, Tensor& output);
  /// `error`: codes, or float32 of the loss.
  void backward(const Tensor& error, const Tensor& input, const kernels::PoolGeometry& geometry,
                const Outlet& outlet, const Pass& pass, Tensor& passed);

 private:
  Quantizer activations_, errors_;
  SimulatedCodes simulated_;
  Emission emission_;
  Tensor error_codes_;
};

}  // namespace octet

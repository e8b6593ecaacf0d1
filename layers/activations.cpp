#include "layers/activations.h"

#include "layers/real_kernels.h"

namespace octet {

std::unique_ptr<Layer> Relu::from(SpecReader&) { return std::make_unique<Relu>(); }

const Tensor& Relu::forward(const Tensor& input, const Pass&) {
  // In integers the layer before has clipped its codes.
  if (absorbed_ || !is_real(input.element())) return input;
  kernels::finish_outputs(input, nullptr, true, output_);
  return output_;
}

const Tensor& Relu::backward(const Tensor& error, const Pass&) {
  if (absorbed_) return error;
  kernels::finish_errors(error, nullptr, &output_, passed_);
  return passed_;
}

}  // namespace octet

// GELU (Hendrycks, Gimpel 2016) in its form with tanh: with u = sqrt(2 / pi) (x + 0.044715 x^3)
//   y = x s,   s = (1 + tanh(u)) / 2 = 1 / (1 + e^(-2u)),   dy/dx = s + x s (1 - s) d(2u)/dx.
// The same bits on every instruction set.
#pragma once

#include "layers/flow.h"

namespace octet {

class Gelu : public FlowLayer {
 public:
  static std::unique_ptr<Layer> from(SpecReader& reader);
  Spec spec() const override { return {.kind = "gelu"}; }
  Shape connect(const Shape& input) override { return input; }
  /// float32 or bfloat16; outputs and errors have the element of the input.
  const Tensor& forward(const Tensor& input, const Pass& pass) override;
  const Tensor& backward(const Tensor& error, const Pass& pass) override;

  Role role() const override { return Role::stopper; }

 private:
  const Tensor* input_ = nullptr;
  Tensor output_, passed_;
};

}  // namespace octet

// Relu: y = max(x, 0). Its error passes where the output is positive.
#pragma once

#include "framework/layer.h"

namespace octet {

class Relu : public Layer {
 public:
  static std::unique_ptr<Layer> from(SpecReader& reader);
  Spec spec() const override { return {.kind = "relu"}; }
  Shape connect(const Shape& input) override { return input; }
  const Tensor& forward(const Tensor& input, const Pass& pass) override;
  const Tensor& backward(const Tensor& error, const Pass& pass) override;

 private:
  Tensor output_, passed_;
};

}  // namespace octet

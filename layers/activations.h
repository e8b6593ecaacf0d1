// Relu: y = max(x, 0). Its error passes where the output is positive.
#pragma once

#include "layers/flow.h"

namespace octet {

class Relu : public FlowLayer {
 public:
  static std::unique_ptr<Layer> from(SpecReader& reader);
  Spec spec() const override { return {.kind = "relu"}; }
  Shape connect(const Shape& input) override { return input; }
  const Tensor& forward(const Tensor& input, const Pass& pass) override;
  const Tensor& backward(const Tensor& error, const Pass& pass) override;

  Role role() const override { return Role::passer; }
  bool picks() const override { return true; }
  /// Whether the makers of values and errors around it do its work (layers/flow.h).
  void set_absorbed(bool absorbed) { absorbed_ = absorbed; }

 private:
  bool absorbed_ = false;
  Tensor output_, passed_;
};

}  // namespace octet

// y = factor * x, factor above 0: what softens or sharpens scores.
#pragma once

#include "layers/flow.h"

namespace octet {

class Scale : public FlowLayer {
 public:
  explicit Scale(float factor) : factor_(factor) {}
  /// Reads factor. Throws Error(usage).
  static std::unique_ptr<Layer> from(SpecReader& reader);

  Spec spec() const override;
  Shape connect(const Shape& input) override { return input; }
  /// float32, bfloat16 or codes, whose scales it multiplies.
  const Tensor& forward(const Tensor& input, const Pass& pass) override;
  const Tensor& backward(const Tensor& error, const Pass& pass) override;
  float factor() const { return factor_; }
  /// The layer whose scores it multiplies, which does so itself where it runs in integers.
  void set_taken_in_by(FlowLayer* layer) { taken_in_by_ = layer; }

  Role role() const override { return Role::passer; }

 private:
  void multiply(const Tensor& from, Tensor& to) const;
  float factor_;
  FlowLayer* taken_in_by_ = nullptr;
  Tensor output_, passed_;
};

}  // namespace octet

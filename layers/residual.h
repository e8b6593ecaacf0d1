// A residual block (He 2015): y = main(x) + shortcut(x), two paths of layers of which the shortcut
// may be empty, the identity. In a definition: residual ... shortcut ... end.
#pragma once

#include "framework/layer.h"

namespace octet {

class Residual : public Layer {
 public:
  /// `main` has layers.
  Residual(Layers main, Layers shortcut) : main_(std::move(main)), shortcut_(std::move(shortcut)) {}

  Spec spec() const override { return {.kind = "residual"}; }
  /// Throws Error(usage) where the two paths give different shapes.
  Shape connect(const Shape& input) override;
  std::int64_t parameter_count() const override;
  void allocate() override;
  void initialize(std::uint64_t seed) override;
  const Tensor& forward(const Tensor& input, const Pass& pass) override;
  const Tensor& backward(const Tensor& error, const Pass& pass) override;
  std::vector<Parameter*> parameters() override;
  std::vector<std::pair<std::string, Tensor*>> state() override;
  std::vector<Branch> branches() const override;
  void skip_input_error() override;

 private:
  Layers main_, shortcut_;
  Tensor output_, passed_;
};

}  // namespace octet

// A residual block (He 2015): y = main(x) + shortcut(x), two paths of layers of which the shortcut
// may be empty, the identity. In a definition: residual ... shortcut ... end.
#pragma once

#include "layers/flow.h"
#include "layers/simulated_codes.h"

namespace octet {

class Residual : public FlowLayer {
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
  void want_input_error(bool wanted) override;

  /// A maker where codes can flow along both paths: the main path's last layer adds the shortcut's
  /// codes to its own values before it encodes them, its first the shortcut's errors to its own.
  Role role() const override;
  void set_flow_formats(const Format& activations, const Format& errors) override;
  void set_outlets(const Outlet& outputs, const Outlet& errors) override;
  /// The codes that the main path gives to the addition, and the shortcut; the identity gives those
  /// of the block's input.
  const Quantizer& main_codes() const { return simulated_main_.quantizer(); }
  const Quantizer& shortcut_codes() const { return simulated_shortcut_.quantizer(); }
  const Tensor* latest_output() const override { return &output_; }
  void set_real_outlets(const Outlet& outputs, const Outlet& errors) override;
  bool rectifies_reals() const override;
  bool masks_reals() const override { return rectifies_reals(); }
  Quantizer* input_quantizer() override;
  Outlet error_inlet() override { return {.quantizer = &errors_}; }

 protected:
  std::vector<std::pair<std::string, Quantizer*>> quantizers() override;

 private:
  Layers main_, shortcut_;
  bool flowing_ = false;  // the main path's ends add the shortcut's values and errors
  bool errors_are_codes_ = false;
  Quantizer input_, errors_;  // of the block's input, and of errors at its output
  Quantizer shortcut_outputs_, shortcut_errors_;  // what the shortcut hands to the main path
  // What is added, where training simulates codes; the shortcut's, or the block's input where that
  // is the identity.
  SimulatedCodes simulated_main_, simulated_shortcut_;
  const Tensor& evaluate_integers(const Tensor& input, const Pass& pass);
  Tensor input_codes_, error_codes_;
  Tensor output_, passed_;
};

}  // namespace octet

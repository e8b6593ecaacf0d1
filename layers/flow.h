// How codes flow between layers. A layer that makes new values encodes them on the way out, in the
// format of the layer that takes them; what only picks or masks values works on the codes as they
// are. plan_flow says who encodes for whom, where the formats of a Precision allow it; elsewhere
// float32 flows, and each weighted layer encodes what it is given.
#pragma once

#include "framework/layer.h"
#include "quant/numbers/quantizer.h"

namespace octet {

/// Where the values that a layer makes are encoded.
struct Outlet {
  Quantizer* quantizer = nullptr;  ///< null: they leave in float32
  /// Multiply the values of each channel before they are encoded; null: nothing does. The scales of
  /// a weight's channels cannot leave the sum E * W^T, so they move into E.
  const std::vector<float>* factors = nullptr;
  bool rectify = false;  ///< of outputs: a ReLU follows, its work is done here
  bool mask = false;     ///< of errors: zero where the code of the layer's input is 0 (that ReLU)
  const Tensor* addend = nullptr;  ///< codes to be added first: the other path of a residual block
};

/// A layer that takes part in the flow of codes.
class FlowLayer : public Layer {
 public:
  /// Picks, masks or drops values but makes none: codes keep their scale on the way through.
  virtual bool passes_codes() const { return false; }

  /// Makes values: where its outputs and the errors at its input leave to.
  virtual void set_outlets(const Outlet& outputs, const Outlet& errors) {
    outlet_ = outputs;
    error_outlet_ = errors;
  }
  const Outlet& outputs() const { return outlet_; }
  /// The addends of the pass that comes, by the residual block that the layer closes or opens.
  void set_output_addend(const Tensor* addend) { outlet_.addend = addend; }
  void set_error_addend(const Tensor* addend) { error_outlet_.addend = addend; }

  /// What encodes the layer's input, and the errors that reach its output.
  virtual Quantizer* input_quantizer() { return nullptr; }
  virtual Outlet error_inlet() { return {}; }

  std::vector<Saturation> take_saturation() override;

 protected:
  /// The quantizers that count, and the roles they count for.
  virtual std::vector<std::pair<std::string, Quantizer*>> quantizers() { return {}; }

  Outlet outlet_, error_outlet_;
};

}  // namespace octet

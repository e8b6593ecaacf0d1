// How codes flow between layers. A layer that makes new values encodes them on the way out, in the
// format of the layer that takes them; what only picks or masks values works on the codes as they
// are. plan_flow says who encodes for whom, where the formats of a Precision allow it; elsewhere
// reals flow: bfloat16 where all three operands are of that format, else float32, and each weighted
// layer encodes what it is given. An error has the element of the values it is the error of.
#pragma once

#include <optional>

#include "framework/layer.h"
#include "quant/integer/integer_network.h"
#include "quant/numbers/precision.h"
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
  std::uint8_t stop_code = 0;  ///< of errors with a mask: zero where it is this one, not 0, too
  /// Of outputs: what is below this, a number below 0, is encoded as this (FlowLayer::least_output,
  /// least_input); codes are unsigned, with a zero point. 0: there is no such number.
  float least = 0;
  const Tensor* addend = nullptr;  ///< codes to be added first: the other path of a residual block
};

class BatchNorm;

/// What a layer does in evaluation in integers: its new values, normalised and rectified where such
/// layers follow, become codes of the layer that takes them.
struct IntegerOutlet {
  const Quantizer* quantizer = nullptr;  ///< null: the values are scores and leave as int32 sums
  const BatchNorm* norm = nullptr;       ///< of weighted layers
  bool rectify = false;
  float factor = 1;  ///< of scores: what scale layers behind them multiply by
};

/// A layer that takes part in the flow of codes.
class FlowLayer : public Layer {
 public:
  /// What a layer is to the codes that reach it.
  enum class Role {
    maker,    ///< makes new values, which need a scale of their own
    passer,   ///< picks, masks or drops values: codes keep their scale on the way through
    stopper,  ///< cannot work on codes
  };
  virtual Role role() const { return Role::maker; }
  /// Whether the layer only picks, masks or drops values, whatever their element.
  virtual bool picks() const { return false; }

  /// Makers only: a number below 0 that no output is below by what a code can tell, and one below
  /// which inputs are as good as it; 0 for none.
  virtual float least_output() const { return 0; }
  virtual float least_input() const { return 0; }
  /// Whether the layer takes codes with a zero point, and hands them on with it if it is no maker.
  virtual bool takes_zero_points() const { return false; }
  /// Makers only: the formats of what flows here, those of a Precision's A and E.
  virtual void set_flow_formats(const Format& /*activations*/, const Format& /*errors*/) {}
  /// Makers only: where outputs and the errors at the input leave to.
  virtual void set_outlets(const Outlet& outputs, const Outlet& errors) {
    outlet_ = outputs;
    error_outlet_ = errors;
  }
  /// Whether a block may have this layer add its other path (set_output_addend, set_error_addend).
  virtual bool takes_addends() const { return false; }
  /// Of reals: sets the outlets, without quantizers, where the layer can do the work of a ReLU.
  virtual void set_real_outlets(const Outlet& outputs, const Outlet& errors) {
    set_outlets(outputs, errors);
  }
  /// Of reals: whether the layer can rectify its outputs, and mask the errors at its input.
  virtual bool rectifies_reals() const { return takes_addends(); }
  virtual bool masks_reals() const { return takes_addends(); }
  /// The addends of the pass that comes, by the residual block that the layer closes or opens.
  void set_output_addend(const Tensor* addend) { outlet_.addend = addend; }
  void set_error_addend(const Tensor* addend) { error_outlet_.addend = addend; }

  /// What encodes the layer's input, and the errors that reach its output.
  virtual Quantizer* input_quantizer() { return nullptr; }
  virtual Outlet error_inlet() { return {}; }

  /// Set where the network has an integer form (plan_integers).
  void set_integer_outlet(const std::optional<IntegerOutlet>& outlet) { integer_ = outlet; }
  const std::optional<IntegerOutlet>& integer_outlet() const { return integer_; }
  /// Whether this pass is evaluated in integers here.
  bool runs_in_integers(const Pass& pass) {
    return input_quantizer() && in_integers(pass, *input_quantizer());
  }
  /// Whether the layer does without formats, whatever the network's precision; to be set before
  /// that is (set_precision).
  void keep_in_float(bool kept) { kept_in_float_ = kept; }
  bool kept_in_float() const { return kept_in_float_; }
  /// What the latest forward pass gave.
  virtual const Tensor* latest_output() const { return nullptr; }

  std::vector<Saturation> take_saturation() override;

 protected:
  /// Whether this pass is evaluated in integers: the ranges of input and output are known.
  bool in_integers(const Pass& pass, const Quantizer& input) const {
    return integer_ && !pass.training && input.knows_range() &&
           (!integer_->quantizer || integer_->quantizer->knows_range());
  }
  std::optional<IntegerOutlet> integer_;

  /// The quantizers that count, and the roles they count for.
  virtual std::vector<std::pair<std::string, Quantizer*>> quantizers() { return {}; }

  Outlet outlet_, error_outlet_;

 private:
  bool kept_in_float_ = false;
};

/// Lets codes flow through these layers where the formats and the kinds of layer allow it; else
/// reals flow. Returns whether codes do. Called when the precision of every layer is set.
bool plan_flow(const Layers& layers, const Precision& precision);

/// Whether training simulates codes of this format wherever they will flow in integers: unsigned
/// codes in a range that is remembered. Every layer that makes new values then quantises its own
/// input, blocks also what they add up; those that see the same values remember the same range.
bool simulates_codes(const Format& activations);
/// The part of plan_flow for such a precision: training simulates in float32, evaluation runs in
/// integers where the network has an integer form.
void plan_integers(const Layers& layers, const Precision& precision);
/// Why the network has none, naming the layer; empty where it has one.
std::string integer_obstacle(const Layers& layers, const Precision& precision);
/// The path inside a block: its last values become codes of `outputs`.
void plan_integer_path(const Layers& path, const Quantizer* outputs);
/// The layer of that name, inside blocks too; null where there is none that takes part in the flow.
const FlowLayer* find_layer(const Layers& layers, const std::string& name);
/// The edge of codes that leave by this outlet; the scale of scores is not known yet.
Edge make_edge(const std::string& layer, const Shape& image, const IntegerOutlet& outlet);

/// The part of plan_flow that is about reals.
void plan_reals(const Layers& layers);

/// The same for the path inside a block: the first maker's errors and the last one's outputs leave
/// as they are told. A path in which codes cannot flow is a stopper (can_flow).
void plan_path(const Layers& path, const Outlet& outputs, const Outlet& errors);
bool can_flow(const Layers& path);
/// The same for reals: the work of ReLUs and of additions is done where values are made, which
/// saves passes over memory and changes no number.
void plan_real_path(const Layers& path, const Outlet& outputs, const Outlet& errors);
/// The first and the last maker of a path in which codes can flow; null where there is none.
FlowLayer* first_maker(const Layers& path);
FlowLayer* last_maker(const Layers& path);

}  // namespace octet

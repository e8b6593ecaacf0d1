// A layer: a function of a batch with a backward pass written by hand.
// Outputs live in the layer and stay valid until its next call.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "framework/parameter.h"
#include "framework/spec.h"
#include "framework/tensor.h"

namespace octet {

/// What a pass is for; seed and step select its random numbers.
struct Pass {
  bool training = false;
  std::uint64_t seed = 0;
  std::uint64_t step = 0;
  bool metered = false;  ///< count clipped and underflowed codes
  /// Training with simulated codes: ranges of activations are observed, nothing is quantised yet.
  bool observes_only = false;
  /// The errors of this pass are so many times dLoss/dOutput, and so are the gradients that it
  /// leaves: what formats of gradients see is the gradient itself. A power of two.
  float loss_scale = 1;
  bool frozen_statistics = false;  ///< batch norms use their running statistics in training too
  /// Above 0: a training pass without a step, for what evaluation needs. The batch has this share
  /// in batch norms' running statistics, instead of their momentum; weights are those of
  /// evaluation.
  double statistics_share = 0;
};

/// How many codes of one role were clipped to the ends of their grid, and how many values that are
/// not zero became the code of 0.
struct Saturation {
  std::string layer, role;
  std::int64_t clipped = 0, underflowed = 0, counted = 0;
};

class Layer;
using Layers = std::vector<std::unique_ptr<Layer>>;

/// One of the lists of layers inside a layer, and the marker line that closes it in a definition.
struct Branch {
  const Layers* layers;
  std::string_view closing;
};

class Layer {
 public:
  virtual ~Layer() = default;

  /// The definition that makes this layer again.
  virtual Spec spec() const = 0;

  /// Sizes the layer for images of shape H x W x C and returns the shape of its output.
  /// Throws Error(usage) where the layer cannot take that shape.
  virtual Shape connect(const Shape& input) = 0;

  /// Elements of all parameters; known once connected, before any memory is taken for them.
  virtual std::int64_t parameter_count() const { return 0; }

  /// Takes the memory of the parameters, all zero. Called once, after connect.
  virtual void allocate() {}

  /// Draws the parameters from (seed, name).
  virtual void initialize(std::uint64_t /*seed*/) {}

  /// N x input shape -> N x output shape. In training `input` must stay as it is until backward.
  virtual const Tensor& forward(const Tensor& input, const Pass& pass) = 0;

  /// dLoss/dOutput -> dLoss/dInput, for the batch of the latest forward call in training; sets the
  /// gradients of the parameters, but for frozen ones (rate 0), of which they may be left as they
  /// were. Empty when the error at the input is not wanted.
  virtual const Tensor& backward(const Tensor& error, const Pass& pass) = 0;

  virtual std::vector<Parameter*> parameters() { return {}; }

  /// What the layer remembers besides parameters (smoothed ranges): name and float32 tensor.
  virtual std::vector<std::pair<std::string, Tensor*>> state() { return {}; }

  /// What metered passes have counted since the last call, by role; forgets it.
  virtual std::vector<Saturation> take_saturation() { return {}; }

  /// The layers inside a block, in the order of its definition; none for the others. A block passes
  /// on to them whatever it is asked, so only who looks for a kind of layer needs this.
  virtual std::vector<Branch> branches() const { return {}; }

  const std::string& name() const { return name_; }
  /// Called once, before connect.
  void set_name(std::string name) { name_ = std::move(name); }

  /// Whether the error at the input is of use: below the lowest layer that trains none is.
  virtual void want_input_error(bool wanted) { wants_input_error_ = wanted; }

 protected:
  bool wants_input_error_ = true;

 private:
  std::string name_;
};

}  // namespace octet

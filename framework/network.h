// Layers in order: a function of images that can be trained.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "framework/layer.h"
#include "framework/model.h"

namespace octet {

class Network {
 public:
  Network() = default;
  static constexpr std::int64_t most_parameters = std::int64_t{1} << 31;

  /// Names the layers that have none (conv1, pool1, fc1, ...) and connects them. Throws
  /// Error(usage), naming the layer, where shapes do not fit, a name occurs twice, an output has
  /// more than 2^27 elements an image, or there are more than `parameters` parameters: before
  /// memory is taken for any.
  Network(std::string name, const Shape& input, Layers layers,
          std::int64_t parameters = most_parameters);

  /// Draws all parameters anew.
  void initialize(std::uint64_t seed);

  /// N x H x W x C images -> the last layer's output; valid until the next call.
  const Tensor& forward(const Tensor& images, const Pass& pass);
  /// dLoss/dOutput; sets the gradients of all parameters.
  void backward(const Tensor& error, const Pass& pass);

  /// What metered passes have counted since the last call, layer by layer.
  std::vector<Saturation> take_saturation();

  std::vector<Parameter*> parameters() const;
  /// What layers remember besides parameters, by name.
  std::vector<std::pair<std::string, Tensor*>> state() const;
  const Layers& layers() const { return layers_; }
  /// The layers that hold no others, those inside blocks included, in the order of the definition.
  std::vector<Layer*> leaves() const;

  const std::string& name() const { return name_; }
  const Shape& input() const { return input_; }
  const Shape& output() const { return output_; }

  Definition definition() const;
  /// Definition, parameters and state as a Model.
  Model snapshot() const;
  /// Takes parameters and state from a model; parameters that are stored as int8 codes become the
  /// reals that these stand for. Throws Error(data), naming the tensor, when one is missing or has
  /// another shape.
  void restore(const Model& model);

 private:
  std::string name_;
  Shape input_, output_;
  Layers layers_;
};

}  // namespace octet

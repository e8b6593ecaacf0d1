#include "layers/float_model.h"

#include "layers/build.h"
#include "layers/weighted_layer.h"

namespace octet {

Model float_weights(const Model& model) {
  const Network network = build_network(model);
  Model result = model;
  for (Layer* const layer : network.leaves())
    if (auto* const weighted = dynamic_cast<WeightedLayer*>(layer))
      result.tensors[weighted->parameters()[0]->name] = weighted->weights_in_float();
  result.attributes["precision"] = "float32";
  result.attributes.erase("float_layers");
  return result;
}

}  // namespace octet

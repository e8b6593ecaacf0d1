#include "layers/build.h"

#include <map>

#include "framework/check.h"
#include "layers/activations.h"
#include "layers/convolution.h"
#include "layers/dropout.h"
#include "layers/linear.h"
#include "layers/pooling.h"

namespace octet {
namespace {

using Maker = std::unique_ptr<Layer> (*)(SpecReader&);

const std::map<std::string, Maker>& makers() {
  static const std::map<std::string, Maker> kinds = {
      {"average_pool", AveragePool::from}, {"convolution", Convolution::from},
      {"dropout", Dropout::from},          {"linear", Linear::from},
      {"max_pool", MaxPool::from},         {"relu", Relu::from},
  };
  return kinds;
}

}  // namespace

Network build_network(const Definition& definition, std::int64_t parameters) {
  std::vector<std::unique_ptr<Layer>> layers;
  for (const Spec& spec : definition.layers) try {
      const auto maker = makers().find(spec.kind);
      if (maker == makers().end()) {
        std::string known;
        for (const auto& [kind, make] : makers()) known += " " + kind;
        fail(Failure::usage, "unknown kind of layer '", spec.kind, "', expected one of:", known);
      }
      SpecReader reader(spec);
      std::unique_ptr<Layer> layer = maker->second(reader);
      layer->set_name(reader.word("name", ""));
      reader.finish();
      layers.push_back(std::move(layer));
    } catch (const Error& error) {
      fail(error.kind, "network ", definition.name, ", layer ", layers.size() + 1, ": ",
           error.what());
    }
  return Network(definition.name, definition.input, std::move(layers), parameters);
}

void set_precision(Network& network, const Precision& precision) {
  for (const auto& layer : network.layers())
    if (auto* weighted = dynamic_cast<WeightedLayer*>(layer.get()))
      weighted->set_precision(precision);
}

Network build_network(const Model& model) {
  Network network = build_network(model.definition, model.parameters());
  set_precision(network, parse_precision(model.attribute("precision")));
  network.restore(model);
  return network;
}

}  // namespace octet

#include "layers/build.h"

#include <algorithm>
#include <map>

#include "framework/check.h"
#include "layers/activations.h"
#include "layers/average_pool.h"
#include "layers/batch_norm.h"
#include "layers/convolution.h"
#include "layers/dropout.h"
#include "layers/gelu.h"
#include "layers/global_average_pool.h"
#include "layers/linear.h"
#include "layers/max_pool.h"
#include "layers/maxout.h"
#include "layers/residual.h"
#include "layers/scale.h"

namespace octet {
namespace {

using Maker = std::unique_ptr<Layer> (*)(SpecReader&);

const std::map<std::string, Maker>& makers() {
  static const std::map<std::string, Maker> kinds = {
      {"average_pool", AveragePool::from},
      {"batch_norm", BatchNorm::from},
      {"convolution", Convolution::from},
      {"dropout", Dropout::from},
      {"gelu", Gelu::from},
      {"global_average_pool", GlobalAveragePool::from},
      {"linear", Linear::from},
      {"max_pool", MaxPool::from},
      {"maxout", Maxout::from},
      {"relu", Relu::from},
      {"scale", Scale::from},
  };
  return kinds;
}

bool closes(const Spec& spec) { return spec.kind == "shortcut" || spec.kind == "end"; }

// Makes the layers of a definition's lines; blocks by recursion.
class DefinitionReader {
 public:
  explicit DefinitionReader(const Definition& definition) : definition_(definition) {}

  Layers read() try {
    Layers layers = read_path(0);
    check(at_end(), Failure::usage, "'", at_end() ? "" : line().kind, "' without a residual");
    return layers;
  } catch (const Error& error) {
    fail(error.kind, "network ", definition_.name, ", layer ", at_ + 1, ": ", error.what());
  }

 private:
  // What a definition from a stranger may ask for.
  static constexpr int most_nested = 16;

  bool at_end() const { return at_ == definition_.layers.size(); }
  const Spec& line() const { return definition_.layers[at_]; }

  // Layers up to a marker that closes the path, or the last.
  Layers read_path(int depth) {
    Layers layers;
    while (!at_end() && !closes(line())) {
      layers.push_back(line().kind == "residual" ? read_residual(depth + 1) : read_layer());
      ++at_;
    }
    return layers;
  }

  std::unique_ptr<Layer> read_layer() {
    const auto maker = makers().find(line().kind);
    if (maker == makers().end()) {
      std::string known;
      for (const auto& [kind, make] : makers()) known += " " + kind;
      fail(Failure::usage, "unknown kind of layer '", line().kind, "', expected one of:", known,
           " residual");
    }
    SpecReader reader(line());
    std::unique_ptr<Layer> layer = maker->second(reader);
    layer->set_name(reader.word("name", ""));
    reader.finish();
    return layer;
  }

  // Leaves at_ at the block's end.
  std::unique_ptr<Layer> read_residual(int depth) {
    const std::size_t begin = at_;
    check(depth <= most_nested, Failure::usage, "more than ", most_nested,
          " residual blocks within each other");
    SpecReader reader(line());
    std::string name = reader.word("name", "");
    reader.finish();
    ++at_;
    Layers main = read_path(depth), shortcut;
    check(at_end() || !main.empty(), Failure::usage, "a residual's main path has no layers");
    if (!at_end() && line().kind == "shortcut") {
      read_marker();
      ++at_;
      shortcut = read_path(depth);
      check(at_end() || !shortcut.empty(), Failure::usage,
            "a shortcut has no layers; without its line it is the identity");
    }
    if (at_end()) {
      at_ = begin;
      fail(Failure::usage, "a residual without 'end'");
    }
    check(line().kind == "end", Failure::usage, "a residual has one shortcut, got another");
    read_marker();
    auto block = std::make_unique<Residual>(std::move(main), std::move(shortcut));
    block->set_name(std::move(name));
    return block;
  }

  void read_marker() const {
    check(line().attributes.empty(), Failure::usage, line().kind, " takes no attributes");
  }

  const Definition& definition_;
  std::size_t at_ = 0;
};

}  // namespace

Network build_network(const Definition& definition, std::int64_t parameters) {
  return Network(definition.name, definition.input, DefinitionReader(definition).read(),
                 parameters);
}

bool set_precision(Network& network, const Precision& precision,
                   const std::vector<std::string>& in_float) {
  std::vector<const Layer*> weighted_layers;
  for (const Layer* layer : network.leaves())
    if (dynamic_cast<const WeightedLayer*>(layer)) weighted_layers.push_back(layer);
  std::string names;
  for (const Layer* layer : weighted_layers) names += ", " + layer->name();
  for (const LayerRule& rule : precision.rules)
    check(std::any_of(weighted_layers.begin(), weighted_layers.end(),
                      [&](const Layer* layer) {
                        return speaks_of(rule, layer->name(), layer == weighted_layers.front(),
                                         layer == weighted_layers.back());
                      }),
          Failure::usage, "precision ", print(precision), ": network ", network.name(),
          " has no layer with weights called ", rule.pattern, ", expected first, last", names,
          " or a beginning with a star");
  std::size_t found = 0;
  const auto apply = [&](const auto& self, const Layers& layers) -> void {
    for (const auto& layer : layers) {
      for (const Branch& branch : layer->branches()) self(self, *branch.layers);
      auto* const flowing = dynamic_cast<FlowLayer*>(layer.get());
      if (!flowing) continue;
      const bool kept =
          std::find(in_float.begin(), in_float.end(), layer->name()) != in_float.end();
      found += kept;
      auto* const weighted = dynamic_cast<WeightedLayer*>(flowing);
      if (!weighted) {
        flowing->keep_in_float(kept);
        continue;
      }
      const Precision own =
          kept ? Precision{}
               : precision_of(precision, layer->name(), layer.get() == weighted_layers.front(),
                              layer.get() == weighted_layers.back());
      // A rule that takes the format of activations away leaves a layer without codes.
      flowing->keep_in_float(kept || (own.activations.is_float32() && own.weights.is_float32() &&
                                      !precision.activations.is_float32()));
      if (!precision.rules.empty())
        verify(own, join(print(precision), "' at layer '", layer->name()));
      weighted->set_precision(own);
    }
  };
  apply(apply, network.layers());
  if (found < in_float.size()) {
    std::string names;
    for (const std::string& name : in_float) names += " " + name;
    fail(Failure::usage, "network ", network.name(),
         " has not all the layers to be kept in float32:", names);
  }
  return plan_flow(network.layers(), precision);
}

bool set_precision(Network& network, const Precision& precision) {
  return set_precision(network, precision, {});
}

Network build_network(const Model& model) {
  Network network = build_network(model.definition, model.parameters());
  set_precision(network, parse_precision(model.attribute("precision")), model.float_layers());
  network.restore(model);
  return network;
}

}  // namespace octet

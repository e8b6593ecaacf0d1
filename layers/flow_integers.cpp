// How codes flow in evaluation where training simulates them (Jacob et al. 2017): what each layer
// that makes new values has to do in integers, with the batch norm and the ReLU behind it.
#include <algorithm>
#include <string>

#include "layers/activations.h"
#include "layers/average_pool.h"
#include "layers/batch_norm.h"
#include "layers/global_average_pool.h"
#include "layers/max_pool.h"
#include "layers/residual.h"
#include "layers/scale.h"
#include "layers/weighted_layer.h"

namespace octet {
namespace {

FlowLayer* flow(const std::unique_ptr<Layer>& layer) {
  return dynamic_cast<FlowLayer*>(layer.get());
}

bool is_relu(const std::unique_ptr<Layer>& layer) {
  return dynamic_cast<const Relu*>(layer.get()) != nullptr;
}

bool is_max_pool(const std::unique_ptr<Layer>& layer) {
  return dynamic_cast<const MaxPool*>(layer.get()) != nullptr;
}

// The batch norm that the weighted layer before it takes in; null where there is none. Maxima
// between them are the same before it as behind it where it keeps the order of numbers.
BatchNorm* taken_in(const Layers& path, std::size_t at) {
  BatchNorm* const norm = dynamic_cast<BatchNorm*>(path[at].get());
  if (!norm) return nullptr;
  const std::size_t behind = at;
  while (at > 0 && is_max_pool(path[at - 1])) --at;
  const bool weighted = at > 0 && dynamic_cast<const WeightedLayer*>(path[at - 1].get());
  return weighted && (at == behind || norm->keeps_order()) ? norm : nullptr;
}

// What makes new codes: weighted layers, averages and blocks.
bool makes_codes(const std::unique_ptr<Layer>& layer) {
  const FlowLayer* const flowing = flow(layer);
  return flowing && !flowing->picks() && !dynamic_cast<const BatchNorm*>(layer.get()) &&
         !dynamic_cast<const Scale*>(layer.get());
}

std::string obstacle(const Layer& layer, const std::string& reason) {
  return "layer " + layer.name() + ": " + reason;
}

// Of a layer's or a network's formats.
std::string format_obstacle(const Precision& precision) {
  const Format& a = precision.activations;
  if (!simulates_codes(a) || a.element() != Element::uint8 || a.grid.bits != 8)
    return "precision " + print(precision) +
           ": expected activations of unsigned 8-bit codes in a remembered range, "
           "uint8/minmax/smooth";
  if (!precision.weights.fits_int8_product() || precision.weights.rounding != Rounding::nearest ||
      precision.weights.scaling.outlier)
    return "precision " + print(precision) +
           ": expected weights of at most 8 bits on a symmetric grid, rounded to nearest, without "
           "outliers";
  return "";
}

std::string path_obstacle(const Layers& path) {
  bool made = false;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const Layer& layer = *path[i];
    if (!flow(path[i])) return obstacle(layer, "a " + layer.spec().kind + " has no integer form");
    if (flow(path[i])->kept_in_float()) return obstacle(layer, "is kept in float32");
    if (const auto* weighted = dynamic_cast<const WeightedLayer*>(&layer)) {
      const std::string formats = format_obstacle(weighted->precision());
      if (!formats.empty()) return obstacle(layer, formats);
    }
    if (is_relu(path[i]) && !made)
      return obstacle(layer, "a relu has no layer before it whose codes it could clip");
    if (dynamic_cast<const BatchNorm*>(&layer) && !taken_in(path, i))
      return obstacle(layer,
                      i > 0 && is_max_pool(path[i - 1])
                          ? "a batch_norm behind a max_pool has a gamma, which may turn the order "
                            "of numbers around (gamma=fixed does not)"
                          : "a batch_norm has no convolution or linear layer right before it");
    if (dynamic_cast<const Scale*>(&layer) &&
        std::any_of(path.begin() + static_cast<std::ptrdiff_t>(i), path.end(), makes_codes))
      return obstacle(layer, "a scale before other layers has no integer form, only one of scores");
    if (const auto* pool = dynamic_cast<const AveragePool*>(&layer);
        pool && pool->role() == FlowLayer::Role::stopper)
      return obstacle(layer, "an average_pool's last windows are cut off at the edge");
    for (const Branch& branch : layer.branches()) {
      const std::string inside = path_obstacle(*branch.layers);
      if (!inside.empty()) return inside;
      if (std::none_of(branch.layers->begin(), branch.layers->end(), makes_codes))
        return obstacle(layer, "a path has no layer that makes new values");
      for (const auto& inner : *branch.layers)
        if (dynamic_cast<const Scale*>(inner.get()))
          return obstacle(*inner, "a scale in a block has no integer form, only one of scores");
      // Its layers would have seen other values than the block's input, whose range they share.
      if (is_max_pool(branch.layers->front()))
        return obstacle(layer, "a path begins with a max_pool");
    }
    made = made || makes_codes(path[i]);
  }
  return "";
}

}  // namespace

bool simulates_codes(const Format& activations) {
  return activations.scaling.rule == Scaling::Rule::minmax && activations.scaling.smooth;
}

std::string integer_obstacle(const Layers& layers, const Precision& precision) {
  const std::string formats = format_obstacle(precision);
  if (!formats.empty()) return formats;
  const std::string inside = path_obstacle(layers);
  if (!inside.empty()) return inside;
  const auto last = std::find_if(layers.rbegin(), layers.rend(), makes_codes);
  if (last == layers.rend()) return "no layer makes new values";
  if (!dynamic_cast<const WeightedLayer*>(last->get()))
    return obstacle(
        **last, "scores come from a convolution or linear layer, got a " + (*last)->spec().kind);
  for (auto after = layers.rbegin(); after != last; ++after)
    if (is_relu(*after) || is_max_pool(*after))
      return obstacle(**after, "a " + (*after)->spec().kind + " of scores has no integer form");
  return "";
}

void plan_integer_path(const Layers& path, const Quantizer* outputs) {
  FlowLayer* maker = nullptr;
  IntegerOutlet outlet;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (BatchNorm* norm = taken_in(path, i)) {
      outlet.norm = norm;
      norm->set_taken_in(true);
    }
    if (is_relu(path[i])) outlet.rectify = true;
    if (auto* const scale = dynamic_cast<Scale*>(path[i].get())) {
      outlet.factor *= scale->factor();
      scale->set_taken_in_by(maker);
    }
    if (!makes_codes(path[i])) continue;
    FlowLayer* const next = flow(path[i]);
    if (maker) {
      outlet.quantizer = next->input_quantizer();
      maker->set_integer_outlet(outlet);
    }
    if (const auto* block = dynamic_cast<const Residual*>(next)) {
      const std::vector<Branch> paths = block->branches();
      plan_integer_path(*paths[0].layers, &block->main_codes());
      if (paths.size() > 1) plan_integer_path(*paths[1].layers, &block->shortcut_codes());
    }
    maker = next;
    outlet = {};
  }
  outlet.quantizer = outputs;
  if (maker) maker->set_integer_outlet(outlet);
}

void plan_integers(const Layers& layers, const Precision& precision) {
  const auto set_formats = [&](const auto& self, const Layers& path) -> void {
    for (const auto& layer : path) {
      for (const Branch& branch : layer->branches()) self(self, *branch.layers);
      if (FlowLayer* const flowing = flow(layer))
        flowing->set_flow_formats(flowing->kept_in_float() ? Format{} : precision.activations, {});
    }
  };
  set_formats(set_formats, layers);
  // Without an integer form evaluation simulates too; who lowers the network is told why.
  if (integer_obstacle(layers, precision).empty()) plan_integer_path(layers, nullptr);
}

Edge make_edge(const std::string& name, const Shape& image, const IntegerOutlet& outlet) {
  Edge edge{.name = name, .shape = image};
  if (!outlet.quantizer) {
    edge.element = Element::int32;
    return edge;
  }
  const Quantizer::Affine affine = outlet.quantizer->affine();
  edge.scale = affine.scale;
  edge.zero_point = affine.zero_point;
  return edge;
}

}  // namespace octet

// How float32 and bfloat16 flow between layers.
#include <algorithm>

#include "layers/activations.h"
#include "layers/weighted_layer.h"

namespace octet {
namespace {

FlowLayer& flow(const std::unique_ptr<Layer>& layer) { return static_cast<FlowLayer&>(*layer); }

bool all_flow(const Layers& layers) {
  for (const auto& layer : layers) {
    if (!dynamic_cast<const FlowLayer*>(layer.get())) return false;
    for (const Branch& branch : layer->branches())
      if (!all_flow(*branch.layers)) return false;
  }
  return true;
}

void add_weighted(Layer& layer, std::vector<WeightedLayer*>& all) {
  if (auto* weighted = dynamic_cast<WeightedLayer*>(&layer)) all.push_back(weighted);
  for (const Branch& branch : layer.branches())
    for (const auto& inner : *branch.layers) add_weighted(*inner, all);
}

bool has_relu(const Layers& path, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i)
    if (dynamic_cast<const Relu*>(path[i].get())) return true;
  return false;
}

}  // namespace

void plan_real_path(const Layers& path, const Outlet& outputs, const Outlet& errors) {
  std::vector<std::size_t> makers;
  for (std::size_t i = 0; i < path.size(); ++i)
    if (!flow(path[i]).picks()) makers.push_back(i);
  Outlet errors_of = errors;
  for (std::size_t m = 0; m < makers.size(); ++m) {
    FlowLayer& maker = flow(path[makers[m]]);
    Outlet outputs_of = outputs, next_errors;
    if (m + 1 < makers.size()) {
      const bool absorbed = has_relu(path, makers[m], makers[m + 1]) && maker.rectifies_reals() &&
                            flow(path[makers[m + 1]]).masks_reals();
      for (std::size_t i = makers[m]; i < makers[m + 1]; ++i)
        if (auto* relu = dynamic_cast<Relu*>(path[i].get())) relu->set_absorbed(absorbed);
      outputs_of = {.rectify = absorbed};
      next_errors.mask = absorbed;
    }
    maker.set_real_outlets(outputs_of, errors_of);
    errors_of = next_errors;
  }
}

void plan_reals(const Layers& layers) {
  if (!all_flow(layers)) return;
  std::vector<WeightedLayer*> weighted;
  const Layer *first = nullptr, *last = nullptr;  // of those that have weights
  for (const auto& layer : layers) {
    const std::size_t before = weighted.size();
    add_weighted(*layer, weighted);
    if (weighted.size() == before) continue;
    if (!first) first = layer.get();
    last = layer.get();
  }
  // Where a product goes by way of codes, its results have a way out of their own.
  if (!std::all_of(weighted.begin(), weighted.end(),
                   [](const WeightedLayer* layer) { return layer->sees_reals(); }))
    return;
  // bfloat16 flows between the first weighted layer and the last: images and scores are float32.
  // Within a block neither could be, because its two paths must agree.
  const auto is_weighted = [](const Layer* layer) {
    return dynamic_cast<const WeightedLayer*>(layer) != nullptr;
  };
  if (is_weighted(first) && is_weighted(last))
    for (WeightedLayer* layer : weighted)
      if (layer != last) layer->set_output_element(layer->operands());
  plan_real_path(layers, {}, {});
}

}  // namespace octet

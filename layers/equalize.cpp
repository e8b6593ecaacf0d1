#include "layers/equalize.h"

#include <algorithm>
#include <cmath>

#include "layers/activations.h"
#include "layers/average_pool.h"
#include "layers/build.h"
#include "layers/dropout.h"
#include "layers/global_average_pool.h"
#include "layers/max_pool.h"
#include "layers/weighted_layer.h"

namespace octet {
namespace {

constexpr int sweeps = 20;  // pairs share layers: what one evens out the next disturbs a little

// f(s x) = s f(x) for every channel and s > 0.
bool is_homogeneous(const Layer& layer) {
  return dynamic_cast<const Relu*>(&layer) || dynamic_cast<const Dropout*>(&layer) ||
         dynamic_cast<const MaxPool*>(&layer) || dynamic_cast<const AveragePool*>(&layer) ||
         dynamic_cast<const GlobalAveragePool*>(&layer);
}

// Two layers in a row, and how the second's weights see the channels of the first.
struct Pair {
  Tensor *weight, *bias;  // of the first; it may have no bias
  Tensor* next;
  std::int64_t channels, groups;

  std::int64_t row() const { return weight->elements() / channels; }
  // Rows of a filter of the second end in the channels of its group.
  std::int64_t channel(std::int64_t element) const {
    const std::int64_t filters = next->shape()[0], width = channels / groups;
    const std::int64_t filter = element / (next->elements() / filters);
    return filter / (filters / groups) * width + element % width;
  }

  void equalize() const {
    const auto count = static_cast<std::size_t>(channels);
    std::vector<float> made(count), taken(count), factor(count, 1.0f);
    float* const w = weight->floats();
    float* const n = next->floats();
    for (std::int64_t i = 0; i < weight->elements(); ++i) {
      float& most = made[static_cast<std::size_t>(i / row())];
      most = std::max(most, std::abs(w[i]));
    }
    for (std::int64_t i = 0; i < next->elements(); ++i) {
      float& most = taken[static_cast<std::size_t>(channel(i))];
      most = std::max(most, std::abs(n[i]));
    }
    for (std::size_t k = 0; k < count; ++k)
      if (made[k] > 0 && taken[k] > 0)
        factor[k] = std::clamp(std::sqrt(made[k] / taken[k]), 0x1p-8f, 0x1p8f);
    for (std::int64_t i = 0; i < weight->elements(); ++i)
      w[i] /= factor[static_cast<std::size_t>(i / row())];
    for (std::int64_t k = 0; bias && k < channels; ++k)
      bias->floats()[k] /= factor[static_cast<std::size_t>(k)];
    for (std::int64_t i = 0; i < next->elements(); ++i)
      n[i] *= factor[static_cast<std::size_t>(channel(i))];
  }
};

void find_pairs(const Layers& path, std::vector<Pair>& pairs) {
  WeightedLayer* before = nullptr;
  for (const auto& layer : path) {
    for (const Branch& branch : layer->branches()) find_pairs(*branch.layers, pairs);
    auto* const weighted = dynamic_cast<WeightedLayer*>(layer.get());
    if (weighted && before) {
      const std::vector<Parameter*> first = before->parameters();
      Tensor* const next = &weighted->parameters()[0]->value;
      const std::int64_t channels = first[0]->value.shape()[0];
      const Spec spec = weighted->spec();
      const std::string* const groups = spec.find("groups");
      pairs.push_back({&first[0]->value, first.size() > 1 ? &first[1]->value : nullptr, next,
                       channels, groups ? std::stoll(*groups) : 1});
    }
    if (weighted || !is_homogeneous(*layer)) before = weighted;
  }
}

}  // namespace

int equalize(Model& model) {
  Network network = build_network(model.definition, model.parameters());
  network.restore(model);
  std::vector<Pair> pairs;
  find_pairs(network.layers(), pairs);
  for (int sweep = 0; sweep < sweeps; ++sweep)
    for (const Pair& pair : pairs) pair.equalize();
  for (const Parameter* parameter : network.parameters())
    model.tensors[parameter->name] = parameter->value;
  return static_cast<int>(pairs.size());
}

}  // namespace octet

#include "examples/cli/averaged_model.h"

#include "layers/build.h"
#include "layers/weighted_layer.h"

namespace octet::cli {
namespace {

constexpr std::int64_t most_batches = 100;

std::vector<std::string> weighted_layers(const Network& network) {
  std::vector<std::string> names;
  for (const Layer* layer : network.leaves())
    if (dynamic_cast<const WeightedLayer*>(layer)) names.push_back(layer->name());
  return names;
}

}  // namespace

Precision averaged_precision(const Precision& precision, const std::vector<std::string>& layers) {
  Precision result = precision;
  result.master = {};
  for (LayerRule& rule : result.rules) rule.master.reset();
  std::erase_if(result.rules, [](const LayerRule& rule) {
    return !rule.weights && !rule.activations && !rule.errors && !rule.gradients;
  });
  if (precision.rules.empty()) {
    if (same_grid(precision.weights, precision.master)) result.weights = {};
    return result;
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const Precision own = octet::precision_of(precision, layers[i], i == 0, i + 1 == layers.size());
    // The divisor of S=fan-in is that of the grid.
    if (!precision.fan_in && !own.weights.is_float32() && same_grid(own.weights, own.master))
      result.rules.push_back({.pattern = layers[i], .weights = Format{}});
  }
  return result;
}

Model averaged_model(const TrainingJob& job, const WeightAverage& average) {
  const Precision precision = averaged_precision(job.precision, weighted_layers(job.network));
  Model model = job.network.snapshot();
  average.store(model);
  Network network = build_network(model.definition);
  set_precision(network, precision);
  take_weights(model, network);
  DataLoader loader = job.make_loader();
  reestimate_statistics(network, loader, most_batches, job.state);
  model = network.snapshot();
  describe(model, job.splits.train, job.normalization, precision, job.options.loss);
  return model;
}

}  // namespace octet::cli

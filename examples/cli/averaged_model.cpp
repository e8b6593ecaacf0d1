#include "examples/cli/averaged_model.h"

#include "layers/build.h"

namespace octet::cli {
namespace {

constexpr std::int64_t most_batches = 100;

bool same_grid(const Format& a, const Format& b) {
  return a.grid == b.grid && a.scaling == b.scaling;
}

}  // namespace

Precision averaged_precision(Precision precision) {
  const Precision base = precision;
  for (LayerRule& rule : precision.rules) {
    const Format& weights = rule.weights ? *rule.weights : base.weights;
    const Format& master = rule.master ? *rule.master : base.master;
    if (rule.weights || rule.master)
      rule.weights = same_grid(weights, master) ? Format{} : Format(weights);
    rule.master.reset();
  }
  if (same_grid(base.weights, base.master)) precision.weights = {};
  precision.master = {};
  // A rule of master weights alone may have become the base.
  std::erase_if(precision.rules, [](const LayerRule& rule) {
    return !rule.weights && !rule.activations && !rule.errors && !rule.gradients;
  });
  return precision;
}

Model averaged_model(const TrainingJob& job, const WeightAverage& average) {
  const Precision precision = averaged_precision(job.precision);
  Model model = job.network.snapshot();
  average.store(model);
  Network network = build_network(model.definition);
  set_precision(network, precision);
  take_weights(model, network);
  DataLoader loader = job.make_loader();
  loader.start(job.state.epoch);
  auto step = static_cast<std::uint64_t>(job.state.step);
  for (std::int64_t i = 0; i < most_batches; ++i, ++step) {
    const Batch* const batch = loader.next();
    if (!batch) break;
    network.forward(batch->images, {.training = true, .seed = job.state.seed, .step = step});
  }
  model = network.snapshot();
  describe(model, job.splits.train, job.normalization, precision, job.options.loss);
  return model;
}

}  // namespace octet::cli

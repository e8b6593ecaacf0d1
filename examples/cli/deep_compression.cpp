// Deep Compression, stage by stage: prune, retrain, share, retrain (Han, Mao, Dally 2015).
#include <algorithm>
#include <cmath>
#include <map>

#include "examples/cli/by_layer.h"
#include "examples/cli/compression.h"
#include "optim/adam.h"
#include "optim/sgd.h"
#include "quant/compression/pruning.h"
#include "quant/compression/weight_sharing.h"

namespace octet::cli {
namespace {

using Densities = std::map<std::string, double>;  // by parameter

Densities target_densities(const Network& network, ByLayer& sparsities) {
  Densities densities;
  std::vector<std::int64_t> sizes;
  std::vector<std::string> names;
  for (const Parameter* parameter : network.parameters()) {
    if (!parameter->is_weight) continue;
    const double sparsity = sparsities.value(layer_of(*parameter));
    if (!std::isnan(sparsity)) {
      densities[parameter->name] = 1 - sparsity;
    } else {
      sizes.push_back(parameter->value.elements());
      names.push_back(parameter->name);
    }
  }
  sparsities.check_all_used();
  if (!names.empty() && sparsities.has_rest()) {
    const std::vector<double> shares = densities_by_size(sizes, 1 - sparsities.rest());
    for (std::size_t i = 0; i < names.size(); ++i) densities[names[i]] = shares[i];
  }
  return densities;
}

// Progress 0 .. 1: the density falls from 1 to the target, cubically as in Zhu, Gupta 2017, so that
// most weights go early and the last ones carefully.
void prune_to(double progress, const Densities& densities, Network& network) {
  const double left = (1 - progress) * (1 - progress) * (1 - progress);
  for (Parameter* parameter : network.parameters())
    if (const auto target = densities.find(parameter->name); target != densities.end())
      prune(*parameter, target->second + (1 - target->second) * left);
}

void share_all(ByLayer& bits_by_layer, const CompressOptions& options, Network& network) {
  for (Parameter* parameter : network.parameters()) {
    const double rule = bits_by_layer.value(layer_of(*parameter));
    const double bits = std::isnan(rule) ? bits_by_layer.rest() : rule;
    if (std::isnan(bits)) continue;
    // Where weights are pruned, zero is one of the 2^bits symbols.
    const int zero = density(parameter->value) < 1 ? 1 : 0;
    share(*parameter, (1 << static_cast<int>(bits)) - zero, parse_centroids(options.centroids),
          options.common.seed);
  }
}

}  // namespace

void deep_compression(const CompressOptions& options) {
  ByLayer sparsities(options.prune, "--prune", 0, 0.9999), bits(options.bits, "--bits", 1, 12);
  Compression compression(options);
  Network& network = compression.network();
  const Densities densities = target_densities(network, sparsities);
  for (const Parameter* parameter : network.parameters()) bits.value(layer_of(*parameter));
  bits.check_all_used();
  compression.begin();

  Sgd sgd(network.parameters(), {.weight_decay = static_cast<float>(options.weight_decay)});
  // The last third trains under the final mask.
  const std::int64_t falling = std::max<std::int64_t>(1, options.prune_epochs * 2 / 3);
  compression.retrain({.name = "prune",
                       .optimizer = sgd,
                       .rate = options.prune_rate,
                       .epochs = options.prune_epochs,
                       .before_step = [&](std::int64_t step, std::int64_t steps) {
                         const std::int64_t batches = steps / options.prune_epochs;
                         if (step % batches != 0) return;
                         const auto epoch = static_cast<double>(step / batches + 1);
                         prune_to(std::min(1.0, epoch / static_cast<double>(falling)), densities,
                                  network);
                       }});
  if (options.prune_epochs == 0) prune_to(1, densities, network);
  compression.fold_batch_norms();
  share_all(bits, options, network);
  // Adam's step does not depend on how many weights share a centroid, and the sums over a cluster
  // grow with that number.
  Adam adam(network.parameters(), {});
  compression.retrain({.name = "share",
                       .optimizer = adam,
                       .rate = options.share_rate,
                       .epochs = options.share_epochs});
  compression.finish(compression.snapshot());
}

}  // namespace octet::cli

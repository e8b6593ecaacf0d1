// How much each stored value matters: half the loss's curvature along it, as squared gradients show
// it at a minimum (the empirical Fisher information),
//   importance[i] = 1/2 * batch * mean over batches of gradient[i]^2,
// so that a change d of the value raises the loss by about importance[i] * d^2
// (LeCun, Denker, Solla 1990).
#pragma once

#include <cstdint>
#include <vector>

#include "framework/data_loader.h"
#include "framework/loss.h"
#include "framework/network.h"

namespace octet {

/// By parameter and element, over the first `batches` of the loader's epoch 0 (all when it has
/// fewer). A fiftieth of a parameter's mean is added to each: a gradient that was not seen says
/// little. Trains nothing, but the network remembers ranges as in training.
std::vector<std::vector<float>> measure_importance(Network& network, const Loss& loss,
                                                   DataLoader& loader, std::int64_t batches,
                                                   std::uint64_t seed);

}  // namespace octet

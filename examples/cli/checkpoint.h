// A training run as a Model: the network's snapshot, the optimiser's values under "optimizer.",
// and, as the attribute "training", the state of the loops and, a line each, the parameters that
// keep zeros or clusters. Which elements these are is told by the values, or, where a living weight
// has come to be zero or two clusters have met, by the tensor "optimizer.kept.NAME". Restored, the
// run goes on to the same bits.
#pragma once

#include "framework/training.h"

namespace octet::cli {

/// What a run knows besides network, optimiser and TrainingState.
struct RunRecord {
  double best_error = 1;  ///< least validation error so far, as a fraction
  std::int64_t best_epoch = 0;
  double seconds = 0;  ///< spent training
};

/// What else a run remembers, by name.
using Memory = std::vector<std::pair<std::string, Tensor*>>;

void add_checkpoint(Model& model, Optimizer& optimizer, const TrainingState& state,
                    const RunRecord& record, const Memory& memory = {});
/// Throws Error(data), naming what is missing or does not fit.
void restore_checkpoint(const Model& model, Network& network, Optimizer& optimizer,
                        TrainingState& state, RunRecord& record, const Memory& memory = {});
/// Steps of the run that the checkpoint was made of. Throws Error(data) where it is none.
std::int64_t steps_done(const Model& model);

}  // namespace octet::cli

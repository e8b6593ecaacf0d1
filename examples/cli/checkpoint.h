// A training run as a Model: the network's snapshot, the optimiser's values under "optimizer.",
// and the state of the loops as attributes. Restored, it goes on to the same bits.
#pragma once

#include "framework/training.h"

namespace octet::cli {

/// What a run knows besides network, optimiser and TrainingState.
struct RunRecord {
  double best_error = 1;  ///< least validation error so far, as a fraction
  std::int64_t best_epoch = 0;
  double seconds = 0;  ///< spent training
};

void add_checkpoint(Model& model, Optimizer& optimizer, const TrainingState& state,
                    const RunRecord& record);
/// Throws Error(data), naming what is missing or does not fit.
void restore_checkpoint(const Model& model, Network& network, Optimizer& optimizer,
                        TrainingState& state, RunRecord& record);

}  // namespace octet::cli

// --average-from: the model whose weights are the mean over a run's last epochs.
#pragma once

#include "examples/cli/training_job.h"
#include "framework/model.h"
#include "optim/weight_average.h"

namespace octet::cli {

/// The formats of averaged weights, which lie on no grid: what was accumulated into is float32, and
/// so are the weights of products that had the grid of what was accumulated into.
/// `layers`: the names of those with weights.
Precision averaged_precision(const Precision& precision, const std::vector<std::string>& layers);

/// The run's network with the means as parameters. What its layers remember of activations (batch
/// norms, ranges) is that of forward passes over at most 100 training batches.
Model averaged_model(const TrainingJob& job, const WeightAverage& average);

}  // namespace octet::cli

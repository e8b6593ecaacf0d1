// What a training run is made of, from its options: data, network, optimiser, schedule.
#pragma once

#include <memory>

#include "examples/cli/train_options.h"
#include "framework/optimizer.h"
#include "framework/training.h"
#include "optim/schedules.h"

namespace octet::cli {

/// Whether a zoo network has that name; else it is a definition file.
bool in_zoo(const std::string& model);

struct TrainingJob {
  /// Reads the data, builds and initialises the network. Throws Error where they do not fit.
  explicit TrainingJob(const TrainOptions& options);
  TrainingJob(const TrainingJob&) = delete;
  TrainingJob& operator=(const TrainingJob&) = delete;

  DataLoader make_loader() const;
  /// Steps of the whole run, for a loader of so many batches an epoch; sets the schedule.
  std::int64_t plan_steps(std::int64_t batches);

  TrainOptions options;
  Precision precision;
  bool codes_flow = false;  ///< codes between the layers, or float32
  Splits splits;
  Dataset validation;
  Normalization normalization;
  std::unique_ptr<Loss> loss;
  Network network;
  std::unique_ptr<Optimizer> optimizer;
  Schedule schedule;
  TrainingState state;
};

}  // namespace octet::cli

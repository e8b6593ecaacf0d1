// What a training run is made of, from its options: data, network, optimiser, schedule.
#pragma once

#include <memory>

#include "examples/cli/kept_weights.h"
#include "examples/cli/train_options.h"
#include "framework/optimizer.h"
#include "framework/training.h"
#include "optim/lookahead.h"
#include "optim/schedules.h"
#include "optim/weight_average.h"

namespace octet::cli {

/// Whether a zoo network has that name; else it is a definition file.
bool in_zoo(const std::string& model);

/// The weights of a model in a network of another precision, perhaps: ranges that it does not have
/// are found by training, and values are brought to the grid of the master weights.
void take_weights(Model model, Network& network);

struct TrainingJob {
  /// Reads the data, builds and initialises the network, or takes that of --resume-from with its
  /// weights and normalisation. What those keep (kept_weights.h) is kept where the master weights
  /// are float32, there and here: zeros and equal values of another format are its own. A run that
  /// is resumed finds network and normalisation in its last.octet. Throws Error where all this does
  /// not fit.
  explicit TrainingJob(const TrainOptions& options);
  TrainingJob(const TrainingJob&) = delete;
  TrainingJob& operator=(const TrainingJob&) = delete;

  DataLoader make_loader() const;
  /// Steps of the whole run, for a loader of so many batches an epoch; sets the schedule.
  std::int64_t plan_steps(std::int64_t batches);
  /// What average and lookahead remember.
  std::vector<std::pair<std::string, Tensor*>> memory();
  /// To be called after each step of train_epoch: --lookahead and --freeze.
  void after_step();
  /// To be called after each whole epoch: --bn-batches.
  void after_epoch(DataLoader& loader);

  TrainOptions options;
  Precision precision;
  KeptCounts kept;
  bool codes_flow = false;  ///< codes between the layers, or float32
  Splits splits;
  Dataset validation;
  Normalization normalization;
  std::unique_ptr<Loss> loss;
  Network network;
  std::unique_ptr<Optimizer> optimizer;
  std::unique_ptr<WeightAverage> average;  ///< null without --average-from
  std::unique_ptr<Lookahead> lookahead;    ///< null without --lookahead
  Schedule schedule;
  TrainingState state;

 private:
  void freeze();
  struct Frozen {
    Parameter* parameter;
    float rate;             // its own
    double epoch;           // from which it stays
    std::int64_t step = 0;  // the same in steps
  };
  std::vector<Frozen> frozen_;
};

}  // namespace octet::cli

// The options of octet train, which a run folder's config.toml holds.
#pragma once

#include <string>
#include <vector>

#include "examples/cli/session.h"

namespace octet::cli {

struct TrainOptions {
  DataOptions data;
  CommonOptions common;
  std::string model = "lenet5";
  std::string precision = "int8";
  std::string rules;
  bool simulate_bfloat16 = false;
  std::string input;
  std::int64_t epochs = 10;
  std::int64_t max_steps = 0;
  std::int64_t batch = 64;
  bool drop_last = false;
  double learning_rate = 0.01;
  double momentum = 0.9;
  double weight_decay = 5e-4;
  std::string optimizer = "sgd";
  std::string schedule = "cosine";
  std::string drop_at;  // epochs
  double drop_factor = 0.1;
  double last_rate = 0;
  double warmup = 0;
  std::string loss = "cross-entropy";
  std::string augment = "auto";
  std::string normalization = "measured";
  double validation = 0.05;
  double observe_epochs = 0.5;
  double freeze_epochs = 1;
  double loss_scale = 1;
  bool nesterov = false;
  std::string decay = "weights";
  double first_rate = 0;
  double peak = 0.5;
  double label_smoothing = 0;
  bool lookahead = false;
  std::string freeze;
  std::string test_augmentation = "none";
  std::int64_t bn_batches = 0;
  std::int64_t average_from = 0;  // epoch
  std::int64_t save_every = 0;
  std::string out;
  std::string resume;
  std::string resume_from;
  std::string config;  // resolved, to be written into the run folder
};

void add_train_options(CLI::App& verb, TrainOptions& options);

/// The epochs of --drop-at; none without it. Throws Error(usage) unless it is as its help says.
std::vector<double> drop_epochs(const TrainOptions& options);
/// --freeze: what stays as it is from an epoch on.
struct Freeze {
  std::string pattern;  ///< of a parameter's name, or its beginning and a star
  double epoch = 0;
};
/// Throws Error(usage) unless it is as its help says.
std::vector<Freeze> freezes(const TrainOptions& options);
/// --precision with what --rules adds to it. Throws Error(usage) unless both are as their help
/// says.
std::string ruled_precision(const TrainOptions& options);
/// Throws Error(usage) where options do not go together.
void check_together(const TrainOptions& options);

/// What a run with --resume-from takes from that file unless it is given: precision and loss, which
/// become options of the verb as if they were. Throws Error(usage) where --model is given beside
/// it.
void take_from_file(CLI::App& verb, TrainOptions& options);

}  // namespace octet::cli

// What every way to compress shares: the model, its data with a validation split, the network at
// work on, the loops that retrain it, and the end: encode, write, read back, evaluate.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "examples/cli/session.h"
#include "framework/network.h"
#include "framework/optimizer.h"
#include "quant/compression/model_file.h"

namespace octet::cli {

struct CompressOptions {
  std::string model;
  DataOptions data;
  CommonOptions common;
  // Deep Compression, stage by stage.
  std::string prune = "0.95";
  std::string bits = "5";
  std::string centroids = "linear";
  std::string coder = "huffman";
  std::int64_t prune_epochs = 12;
  std::int64_t share_epochs = 4;
  std::int64_t batch = 64;
  double prune_rate = 0.01;
  double share_rate = 1e-4;
  double weight_decay = 1e-4;
  std::string augment = "auto";
  double validation = 0.05;
  int index_bits = 0;
  bool keep_batch_norm = false;
  // What the file must be.
  double max_error = -1;
  std::int64_t max_bytes = 0;
  bool search = false;  ///< for the knobs that meet them
  double share_loss = 0.006;
  std::int64_t trials = 6;
  std::int64_t trial_epochs = 24;
  double trial_rate = 0.01;
  std::string out;
};

/// Retraining of one kind.
struct Stage {
  const char* name;
  Optimizer& optimizer;
  double rate;  ///< the first; a cosine leads to a hundredth of it
  std::int64_t epochs;
  /// Called before each step, counted from 0, of `steps`; may be empty.
  std::function<void(std::int64_t step, std::int64_t steps)> before_step{};
  bool warmup = false;  ///< rises to the rate over the first twentieth
  bool verbose = true;  ///< a line an epoch
};

class Compression {
 public:
  explicit Compression(const CompressOptions& options);

  const CompressOptions& options() const { return options_; }
  const Model& original() const { return model_; }
  Network& network() { return network_; }
  const Loss& loss() const { return *loss_; }
  std::int64_t training_pictures() const { return splits_.train.size(); }
  std::int64_t validation_pictures() const { return validation_.size(); }

  /// The original's weights again, under no constraints but its own zeros.
  void restart();
  /// Batches of the training pictures, in another order each epoch.
  DataLoader training_loader() const;
  /// Throws Interrupted when a signal came.
  void retrain(const Stage& stage);
  /// On the pictures held out; empty metrics where there are none.
  Metrics validate();
  /// Folds batch norms unless told to keep them; pointers to parameters are void then.
  void fold_batch_norms();
  /// The network as a model with the original's attributes.
  Model snapshot() const;
  EncodeOptions encoding() const;

  /// Evaluates the original on the test pictures and prints what is to be compressed.
  void begin();
  /// Writes the file, holds what it decodes to against `compressed`, tests it and prints the table.
  void finish(const Model& compressed);

 private:
  CompressOptions options_;
  Model model_;
  Splits splits_;
  Dataset validation_;
  Normalization normalization_;
  std::unique_ptr<Loss> loss_;
  Network network_;
  TrainingState state_;
  bool told_of_folding_ = false;
  Metrics original_test_;
};

/// Prunes by magnitude, retrains, shares by k-means, retrains: Han, Mao, Dally 2015.
void deep_compression(const CompressOptions& options);

/// Looks for the smallest file that meets --max-error, or the most accurate one within --max-bytes:
/// trials of surgery, priced sharing and fine-tuning, each to another number of living weights.
void search_compression(const CompressOptions& options);

}  // namespace octet::cli

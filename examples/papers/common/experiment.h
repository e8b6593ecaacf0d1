// What the programs of the papers share: options, a data set in three parts, training and
// evaluation. Choices are made on validation pictures, held out of the training set; the test
// pictures are for what is reported, which chooses nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "framework/dataset.h"
#include "framework/network.h"
#include "framework/training.h"
#include "optim/schedules.h"

namespace CLI {
class App;
}

namespace octet::papers {

struct Options {
  std::string data = "mnist";  ///< empty: that of the experiment (data_of)
  std::uint64_t seed = 1;      ///< the first
  int seeds = 3;
  int threads = 0;  ///< 0: every processor there is
  bool quick = false;
  bool json = false;
};

/// Adds --data, --seed, --seeds, --threads, --quick and --json.
void add_options(CLI::App& program, Options& options);

/// The data set that is named, or the experiment's own.
std::string data_of(const Options& options, const std::string& own);
/// The number that is given, if above 0, or that of the paper's recipe or of a quick run.
std::int64_t epochs_of(std::int64_t given, const Options& options, std::int64_t full,
                       std::int64_t quick);

/// Parses the arguments, calls `work` and returns its exit code; an Error becomes a line on stderr
/// and its own exit code. Call from main.
int run(CLI::App& program, int argc, char** argv, const std::function<int()>& work);

/// A data set with its validation pictures, and what normalises them all.
struct Task {
  Dataset train, validation, test;
  Normalization normalization;
  std::optional<std::uint64_t> drawn = {};  ///< the seed that chose which pictures train, if any
};

/// Loads pictures of shape `image`. `held_out` is the number of training pictures that validate;
/// which ones, `seed` decides. With `most` above 0 no more than so many are trained on.
Task load_task(const std::string& data, const Shape& image, std::int64_t held_out,
               std::uint64_t seed, std::int64_t most = 0);

/// Pixels as 0 to 1, or as -1 to 1, instead of mean 0 and deviation 1.
enum class Pixels { unit, signed_unit };
void normalize(Task& task, Pixels pixels);

struct Training {
  enum class Rule { sgd, adam };  ///< SGD has `momentum`
  std::int64_t epochs = 1;
  float rate = 0.01f;
  float weight_decay = 0;
  Rule rule = Rule::sgd;
  float momentum = 0.9f;
  Schedule::Kind schedule = Schedule::Kind::cosine;
  double floor = 0.01;  ///< of cosine, linear and exponential: share of the rate at the end
  std::int64_t batch = 64;
  std::vector<std::int64_t> drop_epochs = {};  ///< of the schedule drops, and their factor
  float drop_factor = 0.1f;
  std::string loss = "cross-entropy";
  float loss_scale = 1;
  Transform transform{};  ///< changes each picture, unless empty
};

/// Trains the network. `before_epoch`, when given, is called with 0 .. epochs - 1. The order of the
/// pictures depends on `seed` and on `what`, which is also the name of the bar on a terminal.
/// Returns the last epoch's metrics.
Metrics train(Network& network, const Task& task, const Training& how, std::uint64_t seed,
              const std::string& what, const std::function<void(std::int64_t)>& before_epoch = {});

/// Metrics of the network on these pictures.
Metrics measure(Network& network, const Dataset& pictures, const Normalization& normalization);

/// Seconds of processor time, of all threads and of the system on its behalf, since the process
/// began: what a stage takes on a machine that others use too.
double processor_seconds();

/// Mebibytes that this process has had resident at most.
double peak_mebibytes();

}  // namespace octet::papers

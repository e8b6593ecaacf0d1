// PocketNN on MNIST and Fashion-MNIST.
#include <algorithm>
#include <iostream>

#include "datasets/catalog.h"
#include "examples/cli/session.h"
#include "examples/papers/integer_only_training/byte_batches.h"
#include "examples/papers/integer_only_training/experiments.h"
#include "examples/papers/integer_only_training/float_baseline.h"
#include "examples/papers/integer_only_training/pocket_network.h"
#include "framework/check.h"

namespace octet::papers {
namespace {

// One data set: the paper's network and figures, and our choices.
struct PocketTask {
  std::string data, name;
  std::vector<std::int64_t> hidden;
  std::optional<double> paper_milestone;  // test accuracy after `milestone` epochs, %
  double paper_accuracy, paper_float;     // at the end, and of float backpropagation
  double bound;                           // of the accuracy at the end
};

constexpr std::int64_t milestone = 3;
constexpr std::int64_t pocket_epochs = 20;
constexpr std::int64_t batch = 20;

const PocketTask mnist{.data = "mnist",
                       .name = "PocketNN, MNIST",
                       .hidden = {100, 50},
                       .paper_milestone = 95.93,
                       .paper_accuracy = 96.98,
                       .paper_float = 98.00,
                       .bound = 96.5};
const PocketTask fashion{.data = "fashion-mnist",
                         .name = "PocketNN, Fashion-MNIST",
                         .hidden = {200, 100, 50},
                         .paper_milestone = {},
                         .paper_accuracy = 87.7,
                         .paper_float = 89.79,
                         .bound = 87.2};

Metrics measure(PocketNetwork& network, const Dataset& pictures) {
  Metrics metrics;
  const auto classes = static_cast<std::int64_t>(pictures.classes.size());
  each_batch_in_order(pictures, 250, [&](const ByteBatch& now) {
    const std::int16_t* const scores = network.forward(now.pixels.data(), now.count).data();
    for (std::int64_t i = 0; i < now.count; ++i)
      metrics.wrong +=
          answer(scores + i * classes, classes) != now.labels[static_cast<std::size_t>(i)];
    metrics.images += now.count;
  });
  return metrics;
}

double accuracy(const Metrics& metrics) { return 100 * (1 - metrics.error()); }

// What came of one seed.
struct Outcome {
  double milestone_accuracy = 0, accuracy = 0, float_accuracy = 0;  // of the test pictures, %
};

std::string definition_of(const PocketTask& what) {
  std::string layers;
  for (const std::int64_t units : what.hidden) layers += join("linear units=", units, "\nrelu\n");
  return layers + "linear units=classes\n";
}

Outcome one_seed(const PocketTask& what, const IntegerTrainingOptions& options,
                 const std::string& data, std::uint64_t seed) {
  const Options& common = options.common;
  const Task task = load_task(data, {28, 28, 1}, options.held_out, seed, options.pictures);
  const std::int64_t epochs = epochs_of(options.epochs, common, pocket_epochs, milestone);
  std::vector<std::int64_t> widths{task.train.image.elements()};
  widths.insert(widths.end(), what.hidden.begin(), what.hidden.end());
  widths.push_back(static_cast<std::int64_t>(task.train.classes.size()));
  PocketNetwork network(widths, seed), early = network;

  std::cout << what.name << ", seed " << seed << "\n"
            << "  epoch  training  validation  seconds  state" << std::endl;
  const cli::Stopwatch watch;
  for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
    Metrics training;
    each_batch(task.train, batch, seed, epoch, {}, [&](const ByteBatch& now) {
      const std::int16_t* const scores = network.forward(now.pixels.data(), now.count).data();
      for (std::int64_t i = 0; i < now.count; ++i)
        training.wrong += answer(scores + i * widths.back(), widths.back()) !=
                          now.labels[static_cast<std::size_t>(i)];
      training.images += now.count;
      network.backward(now.labels, options.rate_inverse);
    });
    if (epoch < milestone) early = network;
    std::cout << cli::format_text("  %5lld  %7.2f%%  %9.2f%%  %7.1f  %s",
                                  static_cast<long long>(epoch + 1), 100 * training.error(),
                                  100 * measure(network, task.validation).error(), watch.seconds(),
                                  network.state_hash().c_str())
              << std::endl;
  }
  const std::int64_t float_epochs = common.quick ? milestone : std::min<std::int64_t>(epochs, 10);
  Network baseline = train_baseline({.name = "perceptron",
                                     .layers = definition_of(what),
                                     .training = {.epochs = float_epochs, .rate = 0.02f}},
                                    task, seed);
  if (options.validation_only) return {};
  const Outcome outcome{accuracy(measure(early, task.test)), accuracy(measure(network, task.test)),
                        accuracy(papers::measure(baseline, task.test, task.normalization))};
  std::cout
      << cli::format_text(
             "  test accuracy  after %lld epochs %.2f %%, at the end %.2f %%, float32 %.2f %%",
             static_cast<long long>(milestone), outcome.milestone_accuracy, outcome.accuracy,
             outcome.float_accuracy)
      << std::endl;
  return outcome;
}

double mean(const std::vector<Outcome>& outcomes, double Outcome::*figure) {
  std::vector<double> values;
  for (const Outcome& outcome : outcomes) values.push_back(outcome.*figure);
  return statistics(values).mean;
}

void reproduce(const PocketTask& what, const IntegerTrainingOptions& options,
               const std::string& data, Claims& claims) {
  std::vector<Outcome> outcomes;
  for (int i = 0; i < options.common.seeds; ++i)
    outcomes.push_back(
        one_seed(what, options, data, options.common.seed + static_cast<unsigned>(i)));
  if (options.validation_only) return;
  const bool quick = options.common.quick;
  const double at_milestone = mean(outcomes, &Outcome::milestone_accuracy);
  const double ours = mean(outcomes, &Outcome::accuracy);
  if (what.paper_milestone)
    claims.add({.what = what.name + ": accuracy after 3 epochs, %",
                .paper = what.paper_milestone,
                .ours = at_milestone,
                .at_most = false,
                .bound = *what.paper_milestone - (quick ? 1.5 : 0.5)});
  // Three epochs do not converge: that is what the claim above is about.
  if (quick) return;
  claims.add({.what = what.name + ": accuracy, %",
              .paper = what.paper_accuracy,
              .ours = ours,
              .at_most = false,
              .bound = what.bound});
  claims.add({.what = what.name + ": points below float",
              .paper = what.paper_float - what.paper_accuracy,
              .ours = mean(outcomes, &Outcome::float_accuracy) - ours,
              .at_most = true,
              .bound = what.paper_float - what.paper_accuracy + 0.5});
}

bool is_here(const std::string& name) {
  const std::vector<Listing> sets = list();
  return std::any_of(sets.begin(), sets.end(),
                     [&](const Listing& set) { return set.name == name && !set.where.empty(); });
}

}  // namespace

void train_pocket_networks(const IntegerTrainingOptions& options, Claims& claims) {
  const std::string data = data_of(options.common, mnist.data);
  if (data != fashion.data) reproduce(mnist, options, data, claims);
  if (data == fashion.data || (options.common.data.empty() && is_here(fashion.data)))
    reproduce(fashion, options, fashion.data, claims);
}

}  // namespace octet::papers

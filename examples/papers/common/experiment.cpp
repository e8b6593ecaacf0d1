#include "examples/papers/common/experiment.h"

#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>

#include "datasets/catalog.h"
#include "examples/cli/session.h"
#include "framework/check.h"
#include "framework/random.h"
#include "layers/losses.h"
#include "optim/adam.h"
#include "optim/sgd.h"

namespace octet::papers {
namespace {

// As `octet` does: threads that spin while they wait hold the processor that the others need.
void wait_without_spinning(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") || std::getenv("GOMP_SPINCOUNT")) return;
  setenv("GOMP_SPINCOUNT", "2000", 1);
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) execv(program.c_str(), argv);
}

}  // namespace

void add_options(CLI::App& program, Options& options) {
  program
      .add_option("--data", options.data,
                  options.data.empty() ? "data set, a name or a folder, instead of the experiment's"
                                       : "data set: a name or a folder")
      ->capture_default_str();
  program.add_option("--seed", options.seed, "the first seed")
      ->check(CLI::Range(0.0, 0x1p53))
      ->capture_default_str();
  program.add_option("--seeds", options.seeds, "how many, one after the other")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  program.add_option("--threads", options.threads, "threads; 0 takes every processor there is")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  program.add_flag("--quick", options.quick,
                   "few epochs, mostly of few pictures: shows the trend in minutes, under looser "
                   "bounds");
  program.add_flag("--json", options.json, "print one JSON object as the last line of stdout");
}

std::string data_of(const Options& options, const std::string& own) {
  return options.data.empty() ? own : options.data;
}

std::int64_t epochs_of(std::int64_t given, const Options& options, std::int64_t full,
                       std::int64_t quick) {
  if (given > 0) return given;
  return options.quick ? quick : full;
}

int run(CLI::App& program, int argc, char** argv, const std::function<int()>& work) {
  wait_without_spinning(argv);
  try {
    program.parse(argc, argv);
    return work();
  } catch (const CLI::Success& success) {
    return program.exit(success);
  } catch (const CLI::ParseError& error) {
    std::cerr << program.get_name() << ": " << error.what() << '\n';
    return static_cast<int>(Failure::usage);
  } catch (const Error& error) {
    std::cerr << program.get_name() << ": " << error.what() << '\n';
    return static_cast<int>(error.kind);
  } catch (const std::exception& error) {
    std::cerr << program.get_name() << ": " << error.what() << '\n';
    return static_cast<int>(Failure::failed);
  }
}

Task load_task(const std::string& data, const Shape& image, std::int64_t held_out,
               std::uint64_t seed, std::int64_t most) {
  Splits splits = load(data, {.image = image, .seed = 1});
  for (const std::string& note : splits.notes) std::cerr << note << '\n';
  Task task{std::move(splits.train), {}, std::move(splits.test), {}, {}};
  const std::int64_t all = task.train.size();
  check(held_out < task.train.size(), Failure::data, task.train.name, " has ", task.train.size(),
        " training pictures, expected more than the ", held_out, " that validate");
  if (held_out > 0) task.validation = hold_out(task.train, held_out, seed);
  if (most > 0 && most < task.train.size()) task.train = hold_out(task.train, most, seed);
  if (task.train.size() < all) task.drawn = seed;
  task.normalization = measure_normalization(task.train);
  return task;
}

void normalize(Task& task, Pixels pixels) {
  const auto channels = static_cast<std::size_t>(task.train.image[2]);
  const bool is_unit = pixels == Pixels::unit;
  task.normalization = {std::vector<float>(channels, is_unit ? 0.0f : 0.5f),
                        std::vector<float>(channels, is_unit ? 1.0f : 0.5f)};
}

Metrics train(Network& network, const Task& task, const Training& how, std::uint64_t seed,
              const std::string& what, const std::function<void(std::int64_t)>& before_epoch) {
  DataLoader loader(task.train, {.batch = how.batch,
                                 .shuffle = true,
                                 .seed = random_key(seed, stream_of(what), 0),
                                 .normalization = task.normalization,
                                 .transform = how.transform});
  std::unique_ptr<Optimizer> optimizer;
  if (how.rule == Training::Rule::adam)
    optimizer = std::make_unique<Adam>(network.parameters(),
                                       Adam::Options{.weight_decay = how.weight_decay});
  else
    optimizer = std::make_unique<Sgd>(
        network.parameters(),
        Sgd::Options{.momentum = how.momentum, .weight_decay = how.weight_decay});
  Schedule schedule{.kind = how.schedule,
                    .base = how.rate,
                    .steps = std::max<std::int64_t>(1, how.epochs * loader.batches()),
                    .factor = how.drop_factor,
                    .floor = how.floor};
  for (const std::int64_t epoch : how.drop_epochs)
    schedule.drop_steps.push_back(epoch * loader.batches());
  const auto loss = make_loss(how.loss);
  TrainingState state{.seed = seed, .loss_scale = how.loss_scale};
  cli::Progress progress;
  for (std::int64_t epoch = 0; epoch < how.epochs; ++epoch) {
    if (before_epoch) before_epoch(epoch);
    state.metrics = {};
    train_epoch(
        network, *loss, *optimizer, loader, [&](std::int64_t step) { return schedule.rate(step); },
        state,
        [&](const TrainingState& now) {
          progress.show(join(what, " ", epoch + 1, "/", how.epochs),
                        static_cast<double>(now.batch) / static_cast<double>(loader.batches()));
          return true;
        });
  }
  return state.metrics;
}

Metrics measure(Network& network, const Dataset& pictures, const Normalization& normalization) {
  DataLoader loader(pictures, {.batch = 250, .normalization = normalization});
  return evaluate(network, SoftmaxCrossEntropy(), loader);
}

double processor_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double peak_mebibytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

}  // namespace octet::papers

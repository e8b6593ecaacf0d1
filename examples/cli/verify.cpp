// octet verify: a run's first steps made again, bit for bit.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "examples/cli/run_folder.h"
#include "examples/cli/training_job.h"
#include "examples/cli/verify_model.h"
#include "framework/check.h"
#include "framework/parallel.h"

namespace octet::cli {
namespace {

struct VerifyOptions {
  std::string run;
  std::string data;
  std::int64_t steps = 50;
  std::int64_t plain = 100;
  CommonOptions common;
};

// The options that a run was begun with.
TrainOptions options_of(const std::string& folder) {
  CLI::App verb;
  verb.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  TrainOptions options;
  add_train_options(verb, options);
  std::vector<std::string> arguments = config_arguments(verb, folder + "/" + begin_name);
  std::reverse(arguments.begin(), arguments.end());
  try {
    verb.parse(arguments);
  } catch (const CLI::ParseError& error) {
    fail(Failure::data, folder, "/", begin_name, ": ", error.what());
  }
  return options;
}

int run_verify(const VerifyOptions& options) {
  use_threads(options.common);
  if (std::filesystem::is_regular_file(options.run))
    return verify_model(options.run, options.data, options.plain, options.common);
  check(std::filesystem::is_directory(options.run), Failure::data, options.run,
        ": expected the folder of a run, with ", begin_name, " and ", hashes_name);
  TrainOptions train = options_of(options.run);
  if (!options.data.empty()) train.data.data = options.data;
  std::vector<StepHash> wanted = read_hashes(options.run);
  std::erase_if(wanted, [&](const StepHash& row) { return row.step > options.steps; });
  check(!wanted.empty(), Failure::usage, options.run, ": has no hash of its first ", options.steps,
        " steps; raise --steps");
  TrainingJob job(train);
  DataLoader loader = job.make_loader();
  job.plan_steps(loader.batches());
  std::cout << format_text("%s: %lld steps again, ", options.run.c_str(),
                           static_cast<long long>(wanted.back().step))
            << threads() << (threads() == 1 ? " thread\n" : " threads\n");
  std::size_t next = 0;
  std::int64_t different = 0;
  Progress progress;
  const auto compare = [&] {
    if (next == wanted.size() || job.state.step != wanted[next].step) return;
    const std::string hash = state_hash(job.network, *job.optimizer);
    const bool same = hash == wanted[next].hash;
    progress.clear();
    std::cout << format_text("after step %6lld  run %s  now %s  %s\n",
                             static_cast<long long>(job.state.step), wanted[next].hash.c_str(),
                             hash.c_str(), same ? "same" : "DIFFERENT");
    different += !same;
    ++next;
  };
  while (next < wanted.size()) {
    const bool whole = train_epoch(
        job.network, *job.loss, *job.optimizer, loader,
        [&](std::int64_t step) { return job.schedule.rate(step); }, job.state,
        [&](const TrainingState& now) {
          job.after_step();
          progress.show("verify",
                        static_cast<double>(now.step) / static_cast<double>(wanted.back().step));
          // The state after an epoch's last step is that of the epoch's end.
          if (now.batch < loader.batches()) compare();
          return next < wanted.size();
        });
    if (whole) {
      job.after_epoch(loader);
      compare();
    }
  }
  progress.clear();
  std::cout << (different == 0 ? "the run repeats, bit for bit" : "the run does not repeat") << ": "
            << different << " of " << wanted.size() << " states differ" << std::endl;
  if (options.common.json)
    std::cout << Json{{"different", different}, {"compared", wanted.size()}}.dump() << std::endl;
  return different == 0 ? 0 : static_cast<int>(Failure::mismatch);
}

}  // namespace

void add_verify(CLI::App& program, Work& work) {
  CLI::App& verb =
      *program.add_subcommand("verify",
                              "the same numbers again: of a run's first steps, or of a "
                              "model in training and in integers");
  const auto options = std::make_shared<VerifyOptions>();
  verb.add_option("RUN", options->run, "run folder of octet train, or a model file")->required();
  verb.add_option("--steps", options->steps, "so many steps at most")
      ->check(CLI::Range(1, 1000000000))
      ->capture_default_str();
  verb.add_option("--data", options->data, "where the data is now; as in the run unless given");
  verb.add_option("--plain", options->plain,
                  "of a model: so many pictures also by the plain loops that define it")
      ->check(CLI::Range(0, 1000000000))
      ->capture_default_str();
  add_common_options(verb, options->common);
  verb.footer(
      "Every state after steps 1, 2, 5, 10, ... and after each epoch has a hash in the run's\n"
      "hashes.csv. Recipes whose products are all of integers give the same on any CPU and with\n"
      "any number of threads. Exit code 6 when a state differs.\n"
      "A model whose codes were simulated in training (integer-arithmetic-only, or octet "
      "quantize)\n"
      "is lowered to integers; its codes are compared with those of the network that trains, "
      "layer\n"
      "by layer, on all test pictures.\n"
      "Example:\n"
      "  octet verify runs/strokes-lenet5-int8 --threads 1");
  verb.callback([&work, options] { work = [options] { return run_verify(*options); }; });
}

}  // namespace octet::cli

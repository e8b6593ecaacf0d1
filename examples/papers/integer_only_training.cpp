// Training without floating point. Two papers:
//   PocketNN: Training and Inference of Neural Networks via Direct Feedback Alignment and Pocket
//   Activations in Pure Integers. Song, Lin 2022: integer_only_training/pocket_network.h.
//   NITI: Training Integer Neural Networks Using Integer-only Arithmetic. Wang, Rasoulinezhad,
//   Leong, So 2020 (2009.13108): integer_only_training/niti_network.h.
// From the bytes of the pictures to the updated weights there are integers only; floating point
// measures the pictures' mean before training, makes the table of NITI's pixel codes, and prints
// shares.
// Beside each is the same network in float32, but with --no-baseline. The last lines are the
// claims; the exit code is 0 when all hold and 3 when one does not.
#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "examples/cli/session.h"
#include "examples/papers/integer_only_training/experiments.h"
#include "framework/check.h"

namespace {

using namespace octet::papers;

int work(IntegerTrainingOptions& options) {
  octet::cli::use_threads({.threads = options.common.threads});
  octet::check(options.baseline || options.experiment == "niti-cifar10", octet::Failure::usage,
               "--no-baseline: only --experiment niti-cifar10 can go without, the others are held "
               "to it");
  octet::check(options.held_out > 0 || !options.validation_only, octet::Failure::usage,
               "--validation 0: --validation-only needs pictures held out");
  if (options.common.quick) options.common.seeds = 1;
  const octet::cli::Stopwatch watch;
  Claims claims;
  const auto wanted = [&](const char* name) {
    return options.experiment == name || options.experiment == "all";
  };
  if (wanted("pocketnn")) train_pocket_networks(options, claims);
  if (wanted("niti")) train_niti_lenet(options, claims);
  if (options.experiment == "niti-cifar10") train_niti_vgg(options, claims);
  if (!claims.all().empty()) std::cout << '\n' << claims.text();
  if (options.common.json)
    std::cout << octet::cli::Json{{"claims", claims.json()}, {"seconds", watch.seconds()}}.dump()
              << std::endl;
  return claims.exit_code();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App program{"Trains in integers alone: PocketNN (Song, Lin 2022), NITI (Wang et al. 2020).",
                   "integer_only_training"};
  IntegerTrainingOptions options;
  add_options(program, options.common);
  program
      .add_option("--experiment", options.experiment,
                  "pocketnn, niti (a LeNet on MNIST), niti-cifar10 (VGG-small-7: an hour or so an "
                  "epoch on one core without VNNI), or all but the last")
      ->check(CLI::IsMember({"pocketnn", "niti", "niti-cifar10", "all"}))
      ->capture_default_str();
  program
      .add_option(
          "--epochs", options.epochs,
          "epochs instead of 20 (pocketnn, niti-cifar10) or 12 (niti); 3, 1 and 2 with --quick")
      ->check(CLI::Range(1, 10000));
  program
      .add_option("--rate-inverse", options.rate_inverse,
                  "PocketNN's learning rate is one over this")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
  program
      .add_option(
          "--validation", options.held_out,
          "training pictures held out, on which choices are made; none of niti-cifar10's unless "
          "--validation-only")
      ->check(CLI::Range(0, 1000000))
      ->capture_default_str();
  program
      .add_option("--pictures", options.pictures, "train on so many pictures at most; 0 takes all")
      ->check(CLI::Range(0, 100000000))
      ->capture_default_str();
  program.add_flag("--baseline,!--no-baseline", options.baseline,
                   "niti-cifar10: float32 beside it, several times as long as NITI");
  program.add_flag("--validation-only", options.validation_only,
                   "leave the test pictures alone: for choosing");
  return run(program, argc, argv, [&] { return work(options); });
}

// Deep Compression: Compressing Deep Neural Networks with Pruning, Trained Quantization and Huffman
// Coding. Han, Mao, Dally, ICLR 2016 (1510.00149). The three stages are in
// deep_compression/pipeline.h, what is compared in deep_compression/experiments.h, the paper's
// tables in deep_compression/published.cpp. The last lines are the claims: paper, ours, difference,
// pass or FAIL; the exit code is 0 when all pass and 3 when one does not.
#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "examples/cli/session.h"
#include "examples/papers/deep_compression/experiments.h"
#include "framework/check.h"

namespace {

using namespace octet::papers;

int work(DeepCompressionOptions& options) {
  octet::cli::use_threads({.threads = options.common.threads});
  if (options.common.quick) options.common.seeds = 1;
  const octet::cli::Stopwatch watch;
  Claims claims;
  const auto wanted = [&](const char* name) {
    return options.experiment == name || options.experiment == "all";
  };
  if (wanted("lenets")) reproduce_lenets(options, claims);
  if (wanted("centroids")) compare_centroids(options, claims);
  if (wanted("tradeoff")) compare_methods(options, claims);
  if (wanted("accounting")) account_large_networks(options, claims);
  std::cout << claims.text();
  if (options.common.json)
    std::cout << octet::cli::Json{{"claims", claims.json()}, {"seconds", watch.seconds()}}.dump()
              << std::endl;
  return claims.exit_code();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App program{"Reproduces Deep Compression (Han, Mao, Dally 2015) and compares.",
                   "deep_compression"};
  DeepCompressionOptions options;
  add_options(program, options.common);
  program
      .add_option("--experiment", options.experiment,
                  "lenets (tables 1 to 3), centroids (figure 8), tradeoff (figure 6), accounting "
                  "(tables 4 and 5) or all")
      ->check(CLI::IsMember({"lenets", "centroids", "tradeoff", "accounting", "all"}))
      ->capture_default_str();
  program
      .add_option("--network", options.network,
                  "lenet300 or lenet5; alexnet or vgg16 for accounting; or all of them")
      ->check(CLI::IsMember({"lenet300", "lenet5", "alexnet", "vgg16", "all"}))
      ->capture_default_str();
  program.add_option("--keep", options.keep,
                     "shares of weights that survive, for the recipe's: fc1=0.06,fc2=0.1");
  program.add_option("--bits", options.bits, "bits of a shared weight, for the recipe's: fc*=5");
  program.add_option("--epochs", options.epochs,
                     "epochs of training, pruning and fine-tuning, for the recipe's: 20,20,4");
  program.add_flag("--paper-settings", options.paper_settings,
                   "densities and bits as in the paper, for the recipe's");
  program
      .add_option("--validation", options.held_out,
                  "training pictures held out, on which choices are made")
      ->check(CLI::Range(0, 1000000))
      ->capture_default_str();
  program.add_flag("--validation-only", options.validation_only,
                   "leave the test pictures alone: for choosing");
  return run(program, argc, argv, [&] { return work(options); });
}

#include "examples/cli/train_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <sstream>

#include "examples/cli/precision_option.h"
#include "examples/networks/networks.h"
#include "framework/check.h"
#include "layers/flow.h"
#include "quant/numbers/precision.h"
#include "quant/numbers/recipes.h"

namespace octet::cli {

void add_train_options(CLI::App& verb, TrainOptions& o) {
  add_data_options(verb, o.data);
  std::string networks, names;
  for (const ZooEntry& entry : zoo()) networks += entry.name + ", ";
  for (const Recipe& recipe : recipes()) names += recipe.name + ", ";
  verb.add_option("--model", o.model, "network: " + networks + "or a definition file")
      ->capture_default_str();
  verb.add_option("--precision", o.precision,
                  "recipe: " + names + "or formats by role, W=...,A=...,E=...,G=...,M=...")
      ->capture_default_str();
  verb.add_option("--rules", o.rules,
                  "layer rules that a recipe gets in this run, and others do not, such as "
                  "int8=last:E=int8/absmax/stochastic");
  add_bfloat16_option(verb, o.simulate_bfloat16);
  verb.add_option("--input", o.input, "HxWxC that pictures are brought to");
  verb.add_option("--epochs", o.epochs, "times over the training pictures")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  verb.add_option("--max-steps", o.max_steps,
                  "batches of the whole run, if fewer than --epochs gives; 0 for no limit")
      ->check(CLI::Range(0, 1000000000))
      ->capture_default_str();
  verb.add_option("--batch", o.batch, "pictures a step")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  verb.add_flag("--drop-last", o.drop_last,
                "leave out an epoch's last batch if it is not full: a few pictures at the rate of "
                "many do harm beside batch norms");
  verb.add_option("--lr", o.learning_rate, "learning rate that the schedule scales")
      ->check(within(0.0, 1000.0))
      ->capture_default_str();
  verb.add_option("--momentum", o.momentum, "of sgd")
      ->check(within(0.0, 0.9999))
      ->capture_default_str();
  verb.add_flag("--nesterov", o.nesterov, "Nesterov's momentum, of sgd");
  verb.add_option("--weight-decay", o.weight_decay, "L2 penalty on weights")
      ->check(within(0.0, 1.0))
      ->capture_default_str();
  verb.add_option("--decay", o.decay,
                  "of sgd, what decays: weights, or all, biases and batch norms too")
      ->check(CLI::IsMember({"weights", "all"}))
      ->capture_default_str();
  verb.add_flag("--lookahead", o.lookahead,
                "every 5 steps the weights move towards a slow mean of themselves, the less the "
                "later, which is what is left in the end (Jordan 2024)");
  verb.add_option("--freeze", o.freeze,
                  "parameters that stay as they are from an epoch on, such as "
                  "conv1.weight:0,conv1.bias:3 or conv*:0");
  verb.add_option("--optimizer", o.optimizer, "sgd or adam")
      ->check(CLI::IsMember({"sgd", "adam"}))
      ->capture_default_str();
  verb.add_option("--schedule", o.schedule,
                  "constant, step, inverse, cosine, linear, exponential, drops or triangle")
      ->check(CLI::IsMember(
          {"constant", "step", "inverse", "cosine", "linear", "exponential", "drops", "triangle"}))
      ->capture_default_str();
  verb.add_option("--drop-at", o.drop_at, "of schedule drops: the epochs, such as 200,250");
  verb.add_option("--drop-factor", o.drop_factor, "of schedule drops: what each multiplies by")
      ->check(within(1e-6, 1.0))
      ->capture_default_str();
  verb.add_option("--last-rate", o.last_rate,
                  "of schedules cosine, linear, exponential and triangle: the share of --lr at the "
                  "end")
      ->check(within(0.0, 1.0))
      ->capture_default_str();
  verb.add_option("--first-rate", o.first_rate,
                  "of schedule triangle: the share of --lr at the beginning")
      ->check(within(0.0, 1.0))
      ->capture_default_str();
  verb.add_option("--peak", o.peak, "of schedule triangle: the share of the run before --lr")
      ->check(within(0.001, 0.999))
      ->capture_default_str();
  verb.add_option("--warmup", o.warmup, "epochs over which the learning rate rises")
      ->check(within(0.0, 1000.0))
      ->capture_default_str();
  verb.add_option("--loss", o.loss, "cross-entropy, sum-of-squares or squared-hinge")
      ->check(CLI::IsMember({"cross-entropy", "sum-of-squares", "squared-hinge"}))
      ->capture_default_str();
  verb.add_option("--label-smoothing", o.label_smoothing,
                  "of cross-entropy: the share of the target that all classes divide")
      ->check(within(0.0, 0.9))
      ->capture_default_str();
  add_augment_option(verb, o.augment);
  add_test_augmentation_option(verb, o.test_augmentation);
  verb.add_option("--normalization", o.normalization,
                  "of pixels: measured (mean 0, deviation 1), unit (0 to 1) or signed (-1 to 1)")
      ->check(CLI::IsMember({"measured", "unit", "signed"}))
      ->capture_default_str();
  verb.add_option("--validation", o.validation,
                  "share of the training pictures held out; chooses best.octet")
      ->check(within(0.0, 0.5))
      ->capture_default_str();
  verb.add_option("--observe-epochs", o.observe_epochs,
                  "where codes are simulated (integer-arithmetic-only): epochs in which ranges of "
                  "activations are only observed")
      ->check(within(0.0, 1e6))
      ->capture_default_str();
  verb.add_option("--freeze-epochs", o.freeze_epochs,
                  "where codes are simulated: last epochs, in which batch norms keep their "
                  "statistics")
      ->check(within(0.0, 1e6))
      ->capture_default_str();
  verb.add_option("--bn-batches", o.bn_batches,
                  "after each whole epoch batch norms' running statistics become the mean over so "
                  "many training batches with the weights as they are, behind which they lag where "
                  "weights jump, such as binary ones; 0: they stay as they are")
      ->check(CLI::Range(0, 1000000))
      ->capture_default_str();
  verb.add_option("--loss-scale", o.loss_scale,
                  "errors are propagated so many times as large: a power of two, for formats of "
                  "errors with a fixed smallest step")
      ->check(within(1.0, 16777216.0))
      ->check([](const std::string& text) {
        int exponent = 0;
        return std::frexp(std::atof(text.c_str()), &exponent) == 0.5
                   ? std::string()
                   : "expected a power of two, got " + text;
      })
      ->capture_default_str();
  verb.add_option("--average-from", o.average_from,
                  "average the weights after this epoch and each later one, in float32 whatever "
                  "they are stored in: averaged.octet; 0 for none")
      ->check(CLI::Range(0, 1000000))
      ->capture_default_str();
  verb.add_option("--save-every", o.save_every,
                  "steps between saves of last.octet, besides those after each epoch; 0 for none: "
                  "what a run loses at most when it is killed")
      ->check(CLI::Range(0, 1000000000))
      ->capture_default_str();
  verb.add_option("--out", o.out, "run folder; runs/DATA-MODEL-PRECISION unless given");
  verb.add_option("--resume", o.resume,
                  "go on with the run in this folder (the latest below runs/ unless named)");
  verb.add_option("--resume-from", o.resume_from,
                  "begin with the network, weights, precision and loss of this model file, "
                  "compressed or not; what is pruned and shared in it stays so");
  add_common_options(verb, o.common);
}

std::vector<double> drop_epochs(const TrainOptions& options) {
  std::vector<double> epochs;
  std::istringstream parts(options.drop_at);
  for (std::string part; std::getline(parts, part, ',');) {
    char* end = nullptr;
    epochs.push_back(std::strtod(part.c_str(), &end));
    check(!part.empty() && *end == '\0' && epochs.back() > 0 && epochs.back() < 1e6, Failure::usage,
          "--drop-at: expected epochs such as 200,250, got '", options.drop_at, "'");
  }
  return epochs;
}

std::vector<Freeze> freezes(const TrainOptions& options) {
  std::vector<Freeze> all;
  std::istringstream parts(options.freeze);
  for (std::string part; std::getline(parts, part, ',');) {
    const std::size_t colon = part.find(':');
    char* end = nullptr;
    const double epoch =
        colon == std::string::npos ? 0 : std::strtod(part.c_str() + colon + 1, &end);
    check(colon != std::string::npos && colon > 0 && colon + 1 < part.size() && *end == '\0' &&
              epoch >= 0,
          Failure::usage, "--freeze: expected parameters and epochs such as conv1.weight:0, got '",
          part, "'");
    all.push_back({part.substr(0, colon), epoch});
  }
  return all;
}

std::string ruled_precision(const TrainOptions& options) {
  if (options.rules.empty()) return options.precision;
  const std::size_t equals = options.rules.find('=');
  const std::string recipe = options.rules.substr(0, equals);
  const bool known = std::any_of(recipes().begin(), recipes().end(),
                                 [&](const Recipe& one) { return one.name == recipe; });
  check(equals != std::string::npos && known, Failure::usage,
        "--rules: expected a recipe and rules such as int8=last:E=int8/absmax/stochastic, got '",
        options.rules, "'");
  const std::string ruled = recipe + ";" + options.rules.substr(equals + 1);
  parse_precision(ruled);  // wrong rules are refused whatever the recipe of this run
  return options.precision == recipe ? ruled : options.precision;
}

void check_together(const TrainOptions& options) {
  freezes(options);
  check(options.optimizer == "sgd" || (!options.nesterov && options.decay == "weights"),
        Failure::usage, "--nesterov and --decay all are for --optimizer sgd");
  check(options.label_smoothing == 0 || options.loss == "cross-entropy", Failure::usage,
        "--label-smoothing is for --loss cross-entropy");
  check(!options.lookahead || options.average_from == 0, Failure::usage,
        "--lookahead and --average-from exclude each other");
  check((options.schedule == "drops") == !drop_epochs(options).empty(), Failure::usage,
        "--drop-at and --schedule drops go together");
  check(options.schedule != "exponential" || options.last_rate > 0, Failure::usage,
        "--schedule exponential falls to --last-rate times the rate: expected one above 0");
  check(options.average_from <= options.epochs, Failure::usage, "--average-from ",
        options.average_from, ": expected at most the ", options.epochs, " of --epochs");
  const Precision precision = parse_precision(ruled_precision(options));
  check(options.bn_batches == 0 || !simulates_codes(precision.activations), Failure::usage,
        "--bn-batches is not for simulated codes (", options.precision,
        "), under which --freeze-epochs decides on batch norms' statistics");
  check(options.average_from == 0 || !precision.fan_in ||
            !same_grid(precision.weights, precision.master),
        Failure::usage, "--average-from: under S=fan-in averaged weights must still be seen on a ",
        "grid of their own, which that of master weights is here");
}

void take_from_file(CLI::App& verb, TrainOptions& options) {
  if (options.resume_from.empty()) return;
  CLI::Option& model = *verb.get_option("--model");
  check(model.count() == 0, Failure::usage, "--model ", options.model,
        ": expected none beside --resume-from, whose file holds the network");
  model.default_str("");  // no option of this run
  if (!options.resume.empty()) return;
  const Model from = open_model(options.resume_from);
  const auto take = [&](const char* name, std::string& value, const char* attribute) {
    CLI::Option& option = *verb.get_option(name);
    if (option.count() > 0) return;
    value = from.attribute(attribute);
    option.add_result(value);
  };
  take("--precision", options.precision, "precision");
  take("--loss", options.loss, "loss");
}

}  // namespace octet::cli

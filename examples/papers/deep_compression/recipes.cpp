#include "examples/papers/deep_compression/recipes.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "examples/cli/by_layer.h"
#include "examples/papers/deep_compression/published.h"
#include "framework/check.h"

namespace octet::papers {
namespace {

Recipe lenet300() {
  return {.layers = {{"fc1", 0.08, 5}, {"fc2", 0.09, 5}, {"fc3", 0.26, 5}},
          .bias_bits = 5,
          .dropout = 0.2,
          .dense = {.epochs = 30, .rate = 0.1f, .weight_decay = 3e-4f},
          .prune = {.epochs = 30, .rate = 0.05f, .weight_decay = 3e-4f},
          .tune = {.epochs = 3, .rate = 1e-4f, .rule = Training::Rule::adam}};
}

Recipe lenet5() {
  return {.layers = {{"conv1", 0.5, 5}, {"conv2", 0.12, 5}, {"fc1", 0.07, 5}, {"fc2", 0.19, 5}},
          .bias_bits = 5,
          .dropout = 0.5,
          .dense = {.epochs = 10, .rate = 0.02f, .weight_decay = 5e-4f},
          .prune = {.epochs = 12, .rate = 0.01f, .weight_decay = 2e-4f},
          .tune = {.epochs = 2, .rate = 1e-4f, .rule = Training::Rule::adam}};
}

void take_paper_settings(std::string_view network, Recipe& recipe) {
  for (const PublishedLayer& paper : published(network).layers)
    for (LayerChoice& layer : recipe.layers)
      if (layer.layer == paper.layer) {
        layer.density = paper.kept / 100;
        layer.bits = paper.weight_bits;
      }
}

void take_by_layer(const DeepCompressionOptions& options, Recipe& recipe) {
  cli::ByLayer keep(options.keep, "--keep", 0.0001, 1), bits(options.bits, "--bits", 1, 12);
  for (LayerChoice& layer : recipe.layers) {
    double density = keep.value(layer.layer), width = bits.value(layer.layer);
    if (std::isnan(density)) density = keep.rest();
    if (std::isnan(width)) width = bits.rest();
    if (!std::isnan(density)) layer.density = density;
    if (!std::isnan(width)) layer.bits = static_cast<int>(width);
  }
}

void take_epochs(const std::string& text, Recipe& recipe) {
  if (text.empty()) return;
  std::istringstream numbers(text);
  char comma = 0, second = 0;
  std::int64_t dense = -1, prune = -1, tune = -1;
  numbers >> dense >> comma >> prune >> second >> tune;
  check(!numbers.fail() && numbers.eof() && comma == ',' && second == ',' && dense >= 0 &&
            prune >= 0 && tune >= 0,
        Failure::usage, "--epochs: expected three numbers such as 20,20,4, got '", text, "'");
  recipe.dense.epochs = dense;
  recipe.prune.epochs = prune;
  recipe.tune.epochs = tune;
}

}  // namespace

Recipe recipe_of(std::string_view network, const DeepCompressionOptions& options) {
  check(network == "lenet300" || network == "lenet5", Failure::usage,
        "expected network lenet300 or lenet5, got '", network, "'");
  Recipe recipe = network == "lenet300" ? lenet300() : lenet5();
  if (options.paper_settings) take_paper_settings(network, recipe);
  if (options.common.quick) {
    recipe.dense.epochs = recipe.prune.epochs = network == "lenet300" ? 15 : 5;
    recipe.tune.epochs = 1;
  }
  take_by_layer(options, recipe);
  take_epochs(options.epochs, recipe);
  return recipe;
}

Task load_digits(const DeepCompressionOptions& options, std::uint64_t seed) {
  return load_task(options.common.data, {28, 28, 1}, options.held_out, seed,
                   options.common.quick ? 15000 : 0);
}

Task load_validated_digits(const DeepCompressionOptions& options, std::uint64_t seed,
                           std::string_view what) {
  Task task = load_digits(options, seed);
  check(task.validation.size() > 0, Failure::usage, "--validation 0: ", what,
        " are compared on validation pictures");
  return task;
}

}  // namespace octet::papers

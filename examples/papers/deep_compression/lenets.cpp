// Tables 1, 2 and 3 of the paper: the LeNets on MNIST.
#include <iostream>

#include "examples/cli/session.h"
#include "examples/papers/deep_compression/experiments.h"
#include "examples/papers/deep_compression/layer_table.h"
#include "examples/papers/deep_compression/recipes.h"

namespace octet::papers {
namespace {

double percent(const Metrics& metrics) { return 100 * metrics.error(); }

// What came of one seed.
struct Outcome {
  double dense_error = 0, error = 0;  // on the test pictures, %
  double fewer = 0, ratio_p = 0, ratio_pq = 0, ratio_h = 0;
  std::vector<LayerFigures> layers;
};

Outcome one_seed(const std::string& name, const DeepCompressionOptions& options,
                 std::uint64_t seed) {
  const PublishedNetwork& paper = published(name);
  const Recipe recipe = recipe_of(name, options);
  const Task task = load_digits(options, seed);
  const cli::Stopwatch watch;
  std::cout << paper.name << ", seed " << seed << std::endl;
  Network network = train_dense(name, task, recipe, seed);
  const auto say = [&](const char* stage) {
    std::cout << cli::format_text("  %-28s", stage);
    if (task.validation.size() > 0)
      std::cout << "validation error "
                << cli::percent(measure(network, task.validation, task.normalization));
    std::cout << cli::format_text("  %.0f s", watch.seconds()) << std::endl;
  };
  say("trained");
  const Model dense = described_model(network, task);
  prune_and_retrain(name, network, task, recipe, seed);
  say("pruned and retrained");
  share_layers(network, recipe, Centroids::linear, seed);
  say("weights shared");
  tune_centroids(network, task, recipe, seed);
  say("centroids fine-tuned");

  const Encoded encoded = encode_and_decode(described_model(network, task));
  const StageBytes bytes = stage_bytes(encoded);
  Outcome outcome;
  outcome.layers = layer_figures(paper, encoded);
  outcome.fewer = 100 / outcome.layers.back().kept;
  outcome.ratio_p = ratio(dense, bytes.pruned);
  outcome.ratio_pq = ratio(dense, bytes.shared);
  outcome.ratio_h = ratio(dense, bytes.coded);
  std::cout << cli::format_text("  file of %lld bytes, %.1f times smaller",
                                static_cast<long long>(bytes.coded), outcome.ratio_h)
            << std::endl;
  if (options.validation_only) return outcome;
  const Metrics before = cli::evaluate_model(dense, task.test).metrics;
  const Metrics after = cli::evaluate_model(encoded.decoded, task.test).metrics;
  outcome.dense_error = percent(before);
  outcome.error = percent(after);
  std::cout << "  test error  dense " << cli::percent(before) << ", decoded file "
            << cli::percent(after) << std::endl;
  return outcome;
}

std::string spread(const std::vector<Outcome>& outcomes, double Outcome::*figure, int digits) {
  std::vector<double> values;
  for (const Outcome& outcome : outcomes) values.push_back(outcome.*figure);
  const Statistics of = statistics(values);
  std::string text = fixed(of.mean, digits);
  if (values.size() > 1)
    text += " (" + fixed(of.least, digits) + " .. " + fixed(of.most, digits) + ")";
  return text;
}

double mean(const std::vector<Outcome>& outcomes, double Outcome::*figure) {
  double sum = 0;
  for (const Outcome& outcome : outcomes) sum += outcome.*figure;
  return sum / static_cast<double>(outcomes.size());
}

void reproduce(const std::string& name, const DeepCompressionOptions& options, Claims& claims) {
  const PublishedNetwork& paper = published(name);
  std::vector<Outcome> outcomes;
  std::vector<std::vector<LayerFigures>> tables;
  for (int i = 0; i < options.common.seeds; ++i) {
    outcomes.push_back(one_seed(name, options, options.common.seed + static_cast<unsigned>(i)));
    tables.push_back(outcomes.back().layers);
  }
  std::vector<std::vector<std::string>> rows{
      {"whole file", "paper", "ours"},
      {"pruned: times fewer weights", fixed(paper.ratio_p, 0),
       spread(outcomes, &Outcome::fewer, 1)},
      {"pruned: times smaller", "-", spread(outcomes, &Outcome::ratio_p, 1)},
      {"+ shared", fixed(paper.ratio_pq, 0), spread(outcomes, &Outcome::ratio_pq, 1)},
      {"+ Huffman", fixed(paper.ratio_h, 0), spread(outcomes, &Outcome::ratio_h, 1)}};
  if (!options.validation_only) {
    rows.push_back({"test error dense, %", fixed(paper.error_dense, 2),
                    spread(outcomes, &Outcome::dense_error, 2)});
    rows.push_back(
        {"test error decoded, %", fixed(paper.error, 2), spread(outcomes, &Outcome::error, 2)});
  }
  std::cout << '\n'
            << paper.name << ", mean of " << outcomes.size()
            << (outcomes.size() == 1 ? " seed" : " seeds")
            << ", ours / the paper's; the codebook is in the sizes\n"
            << layer_table(paper, average(tables)) << '\n'
            << aligned(rows) << std::endl;
  if (options.validation_only) return;
  // Few epochs on a quarter of the pictures leave more errors; the ratio has no such excuse.
  const double allowance = options.common.quick ? 2.0 : 0;
  claims.add({.what = paper.name + ": test error, %",
              .paper = paper.error,
              .ours = mean(outcomes, &Outcome::error),
              .at_most = true,
              .bound = paper.error_dense + allowance,
              .digits = 2});
  claims.add({.what = paper.name + ": times smaller",
              .paper = paper.ratio_h,
              .ours = mean(outcomes, &Outcome::ratio_h),
              .at_most = false,
              .bound = paper.ratio_h,
              .digits = 1});
}

}  // namespace

void reproduce_lenets(const DeepCompressionOptions& options, Claims& claims) {
  for (const char* name : {"lenet300", "lenet5"})
    if (options.network == name || options.network == "all") reproduce(name, options, claims);
}

}  // namespace octet::papers

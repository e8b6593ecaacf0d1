// Section 3.2 and figure 8 of the paper: where k-means begins decides where it ends. Linear first
// centroids serve the few large weights, which matter most, better than the other two.
#include <algorithm>
#include <array>
#include <cmath>
#include <iostream>

#include "examples/cli/session.h"
#include "examples/papers/deep_compression/experiments.h"
#include "examples/papers/deep_compression/published.h"
#include "examples/papers/deep_compression/recipes.h"
#include "framework/check.h"

namespace octet::papers {
namespace {

constexpr std::array<Centroids, 3> kinds{Centroids::linear, Centroids::density, Centroids::forgy};
constexpr int first_bits = 2, last_bits = 8;

struct Row {
  std::array<double, 3> shared{}, tuned{};  // validation error, summed over seeds
};

// Linear is best, or one standard error of the best's error away from it.
bool linear_wins(const std::array<double, 3>& errors, double pictures) {
  const double best = std::min({errors[0], errors[1], errors[2]});
  return errors[0] <= best + std::sqrt(best * (1 - best) / pictures);
}

}  // namespace

void compare_centroids(const DeepCompressionOptions& options, Claims& claims) {
  const std::string name = options.network == "lenet5" ? "lenet5" : "lenet300";
  Recipe recipe = recipe_of(name, options);
  recipe.bias_bits = 0;
  recipe.tune.epochs = 1;
  const int step = options.common.quick ? 2 : 1;
  std::array<Row, last_bits + 1> rows{};
  double pictures = 0;
  const cli::Stopwatch watch;
  for (int s = 0; s < options.common.seeds; ++s) {
    const std::uint64_t seed = options.common.seed + static_cast<unsigned>(s);
    const Task task = load_validated_digits(options, seed, "first centroids");
    pictures += static_cast<double>(task.validation.size());
    Network network = train_dense(name, task, recipe, seed);
    prune_and_retrain(name, network, task, recipe, seed);
    const Saved pruned = save(network);
    std::cout << "seed " << seed << ": pruned, validation error "
              << cli::percent(measure(network, task.validation, task.normalization))
              << cli::format_text("  %.0f s", watch.seconds()) << std::endl;
    for (int bits = first_bits; bits <= last_bits; bits += step)
      for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
        Row& row = rows[static_cast<std::size_t>(bits)];
        restore(pruned, network);
        share_layers(network, recipe, kinds[kind], seed, bits);
        row.shared[kind] += measure(network, task.validation, task.normalization).error();
        tune_centroids(network, task, recipe, seed);
        row.tuned[kind] += measure(network, task.validation, task.normalization).error();
      }
  }

  std::vector<std::vector<std::string>> table{{"bits", "linear", "density", "forgy", "linear tuned",
                                               "density tuned", "forgy tuned", "linear wins"}};
  int widths = 0, wins = 0, untuned_wins = 0;
  for (int bits = first_bits; bits <= last_bits; bits += step) {
    Row& row = rows[static_cast<std::size_t>(bits)];
    std::vector<std::string> line{std::to_string(bits)};
    for (auto* errors : {&row.shared, &row.tuned})
      for (double& error : *errors) {
        error /= options.common.seeds;
        line.push_back(fixed(100 * error, 2));
      }
    ++widths;
    wins += linear_wins(row.tuned, pictures);
    untuned_wins += linear_wins(row.shared, pictures);
    line.push_back(linear_wins(row.tuned, pictures) ? "yes" : "no");
    table.push_back(line);
  }
  std::cout << '\n'
            << published(name).name
            << ", validation error in % after sharing all layers at so many "
            << "bits, mean of " << options.common.seeds
            << (options.common.seeds == 1 ? " seed\n" : " seeds\n") << aligned(table)
            << "before fine-tuning linear is best or within one standard error at " << untuned_wins
            << " of " << widths << " widths, after it at " << wins << "\n"
            << std::endl;
  claims.add({.what = join("linear centroids best or within noise, of ", widths, " widths"),
              .paper = options.common.quick ? std::optional<double>() : 6.0,
              .ours = static_cast<double>(wins),
              .at_most = false,
              .bound = static_cast<double>(widths / 2 + 1),
              .digits = 0});
}

}  // namespace octet::papers

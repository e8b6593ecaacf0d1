// What the papers on number formats have in common: one network and one way of training it, in
// formats that stand beside each other and beside float32.
#pragma once

#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "examples/papers/common/experiment.h"

namespace octet::papers {

struct Variant {
  std::string name;             ///< "stochastic, FL 14"
  std::string precision;        ///< a recipe, or formats by role
  std::optional<double> paper;  ///< its test error in per cent, where it has one
  Training how;
  std::vector<std::int64_t> milestones = {};  ///< epochs after which errors are measured, too
};

struct Outcome {
  std::string name;
  std::vector<double> errors;  ///< per cent, by seed: of the test pictures, or of those held out
  int diverged = 0;            ///< seeds that ended in NaN; they count as chance
  double minutes = 0;          ///< of all seeds
  std::map<std::int64_t, std::vector<double>> after = {};  ///< the same by epochs, of milestones
  double mean() const;
  /// After so many epochs: a milestone, or the last.
  double mean_after(std::int64_t epochs) const;
};

/// Trains a network of that definition in each variant and with each seed, prints a line for each
/// as it comes (name, the paper's figure, ours, its seeds, epochs, minutes), then the formats, and
/// returns what came out. With `on_validation` the errors are those of the pictures held out and
/// the test pictures are not read: for choosing. With `before` every variant goes on from the
/// weights of one float32 training, which each seed makes once and which has a line of its own; its
/// minutes are not in the variants'.
std::vector<Outcome> compare_formats(const std::string& definition, const Task& task,
                                     const std::vector<Variant>& variants, const Options& options,
                                     bool on_validation,
                                     const std::optional<Training>& before = {});

/// The outcome of that name.
const Outcome& outcome(const std::vector<Outcome>& all, const std::string& name);
/// Points by which the mean error of `name` is above that of `base`; NaN, which no claim passes,
/// when a seed of either diverged.
double gap(const std::vector<Outcome>& all, const std::string& name,
           const std::string& base = "float32");

}  // namespace octet::papers

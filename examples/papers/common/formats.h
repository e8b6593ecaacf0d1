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

/// What every program that compares formats can be told.
struct FormatOptions {
  Options common;
  bool validation_only = false;
  std::vector<std::string> only;  ///< names of the formats to train; all of them when empty
  std::string results;            ///< folder where results are kept, unless empty
};

/// Adds the common options, --validation-only, --only and --results.
void add_options(CLI::App& program, FormatOptions& options);

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
};

/// What came out. Figures of formats that were not trained, because of --only, are absent.
class Outcomes {
 public:
  explicit Outcomes(std::vector<Outcome> all) : all_(std::move(all)) {}

  /// Mean error, %.
  std::optional<double> mean(const std::string& name) const;
  /// After so many epochs: a milestone, or the last.
  std::optional<double> mean_after(const std::string& name, std::int64_t epochs) const;
  /// Points by which the mean error of `name` is above that of `base`; NaN, which no claim passes,
  /// when a seed of either diverged.
  std::optional<double> gap(const std::string& name, const std::string& base = "float32") const;

 private:
  const Outcome* find(const std::string& name) const;

  std::vector<Outcome> all_;
};

/// Trains a network of that definition in each variant and with each seed, prints a line for each
/// as it comes (name, the paper's figure, ours, its seeds, epochs, minutes), then the formats, and
/// returns what came out. With `validation_only` the errors are those of the pictures held out and
/// the test pictures are not read: for choosing. With `before` every variant goes on from the
/// weights of one float32 training, which each seed makes once and which has a line of its own; its
/// minutes are not in the variants'. Throws Error(usage) where `only` names what is not there.
Outcomes compare_formats(const std::string& definition, const Task& task,
                         const std::vector<Variant>& variants, const FormatOptions& options,
                         const std::optional<Training>& before = {});

}  // namespace octet::papers

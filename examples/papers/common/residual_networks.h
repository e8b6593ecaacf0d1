// What papers on weights of few bits are held to: a residual network on CIFAR-10 that is trained in
// float32 and goes on from there, for as many epochs in each format as in float32.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "examples/papers/common/formats.h"

namespace octet::papers {

struct ResidualOptions : FormatOptions {
  ResidualOptions() { common = {.data = "cifar10", .seeds = 1}; }
  std::string model;              ///< of the zoo; resnet20, or resnet8 of --quick, when empty
  std::int64_t start_epochs = 0;  ///< of float32, before the formats; 20, or 5 of --quick, when 0
  std::int64_t epochs = 0;        ///< of each format after those; 10, or 2 of --quick, when 0
  double start_rate = 0.1, rate = 0.01;
};

/// Points above float32 that are claimed.
struct Gap {
  std::optional<double> paper;
  double bound, quick_bound;
};

struct NamedFormats {
  std::string name, precision;
  std::optional<double> paper = {};  ///< test error, %
  std::optional<Gap> gap = {};
};

/// Adds --model, --start-epochs, --epochs, --start-rate, --rate and what every comparison of
/// formats has.
void add_options(CLI::App& program, ResidualOptions& options);

/// Trains in float32; goes on from there in "float32", whose error in the paper is `paper_real`,
/// and in each of `formats`; prints what is claimed of them and returns the program's exit code.
/// Throws Error(usage) for an unknown name.
int compare_residual_networks(const ResidualOptions& options,
                              const std::vector<NamedFormats>& formats,
                              std::optional<double> paper_real = {});

}  // namespace octet::papers

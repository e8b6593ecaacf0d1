// What a sweep file asks for: every run with its resolved options, before anything runs.
//
//   data = "mnist"            # options of octet train, the same in every run
//   seeds = [1, 2, 3]         # or a number, for 1 .. N; each run once with each
//   [grid]                    # every combination; the last option changes fastest
//   lr = [0.01, 0.02]
//   [[runs]]                  # a list of runs, each with options of its own and a name; with a
//   name = "small"            # grid, each in every combination
//   [plot]                    # see sweep_plot.h
#pragma once

#include <optional>

#include "examples/cli/toml.h"
#include "examples/cli/train_options.h"

namespace octet::cli {

struct RunPlan {
  std::string id;                      ///< its folder: readable, then a hash of `configuration`
  std::vector<std::string> arguments;  ///< of octet train, "--lr=0.01", with --seed
  std::vector<std::string> values;     ///< of the plan's axes, in their order
  std::uint64_t seed = 1;
  std::size_t setting = 0;    ///< runs of one setting differ in the seed only
  TrainOptions options;       ///< resolved
  std::string configuration;  ///< what the result depends on, an option a line
};

struct PlotPlan {
  std::string x, y, title, format = "svg";
  std::vector<std::string> by;
  bool log_x = false, log_y = false;
};

struct SweepPlan {
  std::string file, text;
  std::vector<std::string> axes;  ///< what varies: "name", options without dashes
  std::vector<RunPlan> runs;
  std::size_t settings = 0;
  std::optional<PlotPlan> plot;
};

/// Reads and resolves a sweep. Throws Error(usage), with file and line, for options that octet
/// train does not have or values that it refuses, and where two runs are the same.
SweepPlan read_plan(const std::string& file);

/// "precision=int8 lr=0.01 seed=1"
std::string describe(const SweepPlan& plan, const RunPlan& run);

}  // namespace octet::cli

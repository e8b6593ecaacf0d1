// A sweep's plot: plot.gp and plot.dat, which gnuplot, where it is there, makes plot.svg or
// plot.png from. In the sweep file:
//   [plot]
//   x = "lr"             # what varies, or a figure; the first option that varies unless given
//   y = "test_error"     # a figure: its mean over the seeds, with the standard deviation as a bar
//   by = "precision"     # what the lines are told apart by first; everything else that varies too
//   log_x = true         # log_y, title = "...", format = "svg" or "png"
// With x = "epoch" or "minutes" the lines are the courses of the runs, a point after each epoch:
//   y = "validation_error"     # unless given; or "train_error", "loss"
#pragma once

#include "examples/cli/sweep_table.h"

namespace octet::cli {

/// Fills in x, y and by. Throws Error(usage) where the plot names what the sweep does not have, or
/// a logarithmic axis is to show what is not positive.
void resolve_plot(SweepPlan& plan);

struct PlotFiles {
  std::string script, data;
};
/// For a plan with a plot.
PlotFiles plot_files(const SweepPlan& plan, const std::vector<Result>& results);

/// Writes the files into `folder`, runs gnuplot and returns the picture's name; where that cannot
/// be done, says why in a line on stderr and returns nothing. Without a run that is done there is
/// nothing to plot.
std::string write_plot(const SweepPlan& plan, const std::filesystem::path& folder,
                       const std::vector<Result>& results);

}  // namespace octet::cli

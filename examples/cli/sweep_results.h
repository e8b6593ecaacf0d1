// What became of a sweep's runs, as its folder tells:
//   sweep.toml, table.csv, table.md, table.json, plot.*
//   runs/ID/          a run folder of octet train, with result.json once the run has ended
//   runs/ID.log       what the run printed
#pragma once

#include <filesystem>
#include <map>

#include "examples/cli/sweep_plan.h"

namespace octet::cli {

/// The figures of a run, in the order of the table.
inline constexpr const char* figure_names[] = {"test_error",       "averaged_test_error",
                                               "validation_error", "best_validation_error",
                                               "train_error",      "loss",
                                               "epochs",           "seconds",
                                               "images_per_second"};

/// What a run's course is told by, from its metrics.csv: a value after each epoch. Minutes are
/// those of the steps, without validation.
inline constexpr const char* course_times[] = {"epoch", "minutes"};
inline constexpr const char* course_figures[] = {"validation_error", "train_error", "loss"};

enum class Status { waiting, interrupted, done, failed };
const char* print(Status status);

struct Result {
  Status status = Status::waiting;
  int code = 0;        ///< exit code of a run that failed; 128 + signal where one ended it
  std::string reason;  ///< why it failed
  std::string state_hash;
  std::map<std::string, double> figures;              ///< errors as fractions; what is known so far
  std::map<std::string, std::vector<double>> course;  ///< by course_times and course_figures
};

class SweepFolder {
 public:
  /// Makes the folder, or takes it where it is a sweep's. One sweep at a time works in it, until
  /// its last training has ended. Throws Error(usage) where another does or the folder holds
  /// something else.
  static void claim(const std::filesystem::path& path);

  /// Reads what is there; there may be nothing.
  explicit SweepFolder(std::filesystem::path path);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path run_folder(const RunPlan& run) const;
  std::filesystem::path log(const RunPlan& run) const;

  Result result(const RunPlan& run) const;
  /// Writes what became of a run that has ended.
  void keep(const SweepPlan& plan, const RunPlan& run, const Result& result) const;
  /// Forgets a run.
  void clear(const RunPlan& run) const;

  /// Whether last.octet is there to go on from.
  bool can_resume(const RunPlan& run) const;
  /// Whether all steps are done and only the test error is missing.
  bool is_trained(const RunPlan& run) const;

 private:
  std::filesystem::path path_;
  std::map<std::string, std::string> by_hash_;  // the last part of a run's ID -> the folder's name
};

/// Figures and course of metrics.csv, without test_error; none where it is missing.
void add_metrics(const std::filesystem::path& run_folder, Result& result);

}  // namespace octet::cli

// A run's folder: begin.toml, config.toml, metrics.csv, hashes.csv, last.octet, best.octet.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace octet::cli {

/// Makes a new run folder: `wanted`, or the first of runs/NAME, runs/NAME-2, ... that is free when
/// `wanted` is empty. Throws Error(usage) when `wanted` already holds a run, Error(failed) where it
/// cannot be made or written to.
std::filesystem::path make_run_folder(const std::string& wanted, const std::string& name);

/// The folder below runs/ whose last.octet is the newest. Throws Error(data) when there is none.
std::filesystem::path latest_run();

/// hashes.csv: the state's hash after early steps and after each epoch, which octet verify compares
/// with those of the same steps made again.
/// begin.toml: the options that the run was begun with; a resumed run may change config.toml.
constexpr const char* begin_name = "begin.toml";
constexpr const char *hashes_name = "hashes.csv", *hashes_header = "step,state_hash";
/// Whether the state after so many steps is hashed: 1, 2, 5, 10, 20, 50, ... 1000.
bool hashed_step(std::int64_t step);
struct StepHash {
  std::int64_t step;
  std::string hash;
};
/// The rows of a run's hashes.csv. Throws Error(data) where it is missing or damaged.
std::vector<StepHash> read_hashes(const std::filesystem::path& folder);

/// Whether config.toml asks for the same course of training as begin.toml: all options but threads,
/// json and save-every are the same.
bool same_course(const std::filesystem::path& folder);

/// Rows of metrics.csv or hashes.csv, appended and flushed one at a time.
class MetricsFile {
 public:
  /// Begins the file with `header`, or, when it is there, keeps its rows whose first column is at
  /// most `epoch` (or step).
  MetricsFile(std::filesystem::path file, const std::string& header, std::int64_t epoch);
  /// Throws Error(failed) when the row cannot be written.
  void add(const std::string& row);

 private:
  std::filesystem::path file_;
};

}  // namespace octet::cli

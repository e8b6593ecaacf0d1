// A run's folder: config.toml, metrics.csv, last.octet, best.octet.
#pragma once

#include <filesystem>
#include <string>

namespace octet::cli {

/// Makes a new run folder: `wanted`, or the first of runs/NAME, runs/NAME-2, ... that is free when
/// `wanted` is empty. Throws Error(usage) when `wanted` already holds a run, Error(failed) where it
/// cannot be made or written to.
std::filesystem::path make_run_folder(const std::string& wanted, const std::string& name);

/// The folder below runs/ whose last.octet is the newest. Throws Error(data) when there is none.
std::filesystem::path latest_run();

/// Rows of metrics.csv, appended and flushed one at a time.
class MetricsFile {
 public:
  /// Begins the file with `header`, or, when it is there, keeps its rows up to `epoch`.
  MetricsFile(std::filesystem::path file, const std::string& header, std::int64_t epoch);
  /// Throws Error(failed) when the row cannot be written.
  void add(const std::string& row);

 private:
  std::filesystem::path file_;
};

}  // namespace octet::cli

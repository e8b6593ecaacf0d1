// Results that stay in a folder, so that a long comparison can be made in parts: what was trained
// once is not trained again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "framework/network.h"

namespace octet::papers {

/// Of one training.
struct Result {
  double error = 0;  ///< per cent
  bool diverged = false;
  double minutes = 0;
  std::map<std::int64_t, double> after = {};  ///< error by epochs, of milestones
};

/// A folder with results.jsonl, a line for each training, and the networks that others go on from.
/// A training is known by a text that says all that decides what comes of it.
class KeptResults {
 public:
  /// Makes the folder. Throws Error(data), naming the file and the line, where a line is not one of
  /// these; a last line that was cut off is as if it had not been written. An empty name keeps
  /// nothing.
  explicit KeptResults(const std::string& folder);

  std::optional<Result> find(const std::string& training) const;
  /// Appends, so that two programs can share a folder. Throws Error(failed) where it cannot.
  void add(const std::string& training, const Result& result);

  /// Takes the weights of that training; false when they are not there.
  bool restore(const std::string& training, Network& network) const;
  void keep(const std::string& training, const Network& network) const;

 private:
  std::filesystem::path network_file(const std::string& training) const;

  std::filesystem::path folder_, file_;  ///< empty: nothing is kept
  std::map<std::string, Result> results_;
};

}  // namespace octet::papers

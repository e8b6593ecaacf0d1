// A training as a process of its own: whatever ends it, the sweep goes on.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "examples/cli/program.h"

namespace octet::cli {

class TrainingProcess {
 public:
  struct Ending {
    int code;            ///< exit code, or 128 + the signal that ended it
    std::string reason;  ///< of a failure, one line
    Json figures;        ///< what --json printed, null when it printed none
  };

  /// Starts this program on `arguments`; what it prints is added to `log`. The environment's
  /// options (OCTET_LR, ...) do not reach it. Throws Error(failed) where it cannot be started.
  TrainingProcess(const std::vector<std::string>& arguments, const std::filesystem::path& log);
  TrainingProcess(const TrainingProcess&) = delete;
  TrainingProcess& operator=(const TrainingProcess&) = delete;
  /// Waits for its end, after asking for it.
  ~TrainingProcess();

  /// Sends the signal, on which a training saves and ends.
  void interrupt(int signal) const;
  /// Its end, once it has come; does not wait.
  std::optional<Ending> ending();

 private:
  Ending explain(int status) const;

  std::filesystem::path log_;
  std::uintmax_t begin_ = 0;  // of this process's lines in the log
  pid_t child_ = -1;
};

}  // namespace octet::cli

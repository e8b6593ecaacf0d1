// Who `octet bench` compares with: a script that measures the same work with another program.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "examples/cli/workload.h"

namespace octet::cli {

struct Peer {
  std::string name;                  ///< "pytorch bf16"
  std::vector<std::string> command;  ///< without the options of the work
  /// Whether it runs an ONNX file of the network, and whether that is in integers; else it makes
  /// the network itself.
  bool takes_file = false, integers = false;
};

/// PyTorch's float32 and bf16 by `script`, or by the source tree's own when that is empty. None,
/// and one line on stderr that says why, where the script or PyTorch is not there. A script that
/// does not end in .py is run as it is. Throws Error(usage) when `script` is no file.
std::vector<Peer> find_peers(const std::string& script);

/// ONNX Runtime's float32 and integers, for inference. None, and one line on stderr that says why,
/// where node or the runtime is not there (tests/run.sh --clients installs it below build/).
std::vector<Peer> find_onnxruntime();

/// A folder that is gone with its files at the end of this object.
class ScratchFolder {
 public:
  /// Throws Error(failed) where none can be made.
  ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// The peer's command for this work; the file that it may take is written into `folder`.
std::vector<std::string> peer_command(const Peer& peer, const WorkOptions& work,
                                      const std::filesystem::path& folder);

/// The options of the work but for the precision, as octet bench-worker and the peer's script take
/// them.
std::vector<std::string> work_arguments(const WorkOptions& options);

}  // namespace octet::cli

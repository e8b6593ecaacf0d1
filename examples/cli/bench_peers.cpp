#include "examples/cli/bench_peers.h"

#include <filesystem>
#include <iostream>

#include "examples/cli/contestant.h"
#include "framework/check.h"

namespace octet::cli {
namespace {

namespace fs = std::filesystem;

// A file or folder of the source tree that the program was built in; empty outside one.
std::string in_own_tree(const std::string& path) {
  std::error_code error;
  for (fs::path folder = fs::read_symlink("/proc/self/exe", error); folder.has_relative_path();) {
    folder = folder.parent_path();
    if (fs::exists(folder / path, error)) return (folder / path).string();
  }
  return "";
}

// The first Python that has PyTorch; empty when none has.
std::string find_python() {
  const std::string has_torch =
      "import importlib.util, sys; sys.exit(importlib.util.find_spec('torch') is None)";
  for (const std::string python : {"python3", "/usr/bin/python3"})
    if (run_quietly({python, "-c", has_torch}) == 0) return python;
  return "";
}

}  // namespace

std::vector<Peer> find_peers(const std::string& script) {
  check(script.empty() || fs::is_regular_file(script), Failure::usage, "--peer-script: ", script,
        ": no such file");
  const std::string found = script.empty() ? in_own_tree("tests/benchmarks/peers/pytorch.py")
                                           : fs::absolute(script).string();
  std::vector<std::string> command{found};
  if (found.empty()) {
    std::cerr << "octet: no peers: tests/benchmarks/peers/pytorch.py is not above the program; "
                 "name it with --peer-script\n";
    return {};
  }
  if (found.ends_with(".py")) {
    const std::string python = find_python();
    if (python.empty()) {
      std::cerr << "octet: no peers: no python3 has PyTorch (Debian: python3-torch)\n";
      return {};
    }
    command = {python, found};
  }
  // The program's own policy of waiting is for its own threads; the peer keeps its defaults.
  command.insert(command.begin(), {"env", "-u", "GOMP_SPINCOUNT"});
  std::vector<Peer> peers;
  for (const std::string precision : {"float32", "bf16"}) {
    peers.push_back({"pytorch " + precision, command});
    peers.back().command.insert(peers.back().command.end(), {"--precision", precision});
  }
  return peers;
}

std::vector<Peer> find_onnxruntime() {
  const std::string script = in_own_tree("tests/benchmarks/peers/onnxruntime.mjs");
  const std::string modules = in_own_tree("build/clients/onnxruntime/node_modules");
  if (script.empty() || modules.empty() || run_quietly({"node", "--version"}) != 0) {
    std::cerr << "octet: without ONNX Runtime: "
              << (script.empty() ? "tests/benchmarks/peers/onnxruntime.mjs is not above the program"
                  : modules.empty() ? "tests/run.sh --clients installs it"
                                    : "node is missing")
              << '\n';
    return {};
  }
  std::vector<Peer> peers;
  for (const bool integers : {false, true})
    peers.push_back({.name = integers ? "onnxruntime int8" : "onnxruntime float32",
                     .command = {"env", "-u", "GOMP_SPINCOUNT", "node", script, "--modules",
                                 fs::path(modules).parent_path().string()},
                     .takes_file = true,
                     .integers = integers});
  return peers;
}

ScratchFolder::ScratchFolder() {
  std::string name = (fs::temp_directory_path() / "octet-bench-XXXXXX").string();
  check(mkdtemp(name.data()) != nullptr, Failure::failed, name, ": no such folder can be made");
  path_ = name;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::vector<std::string> peer_command(const Peer& peer, const WorkOptions& work,
                                      const fs::path& folder) {
  std::vector<std::string> command = peer.command;
  if (!peer.takes_file) return command;
  const fs::path file =
      folder / (work.model + (peer.integers ? "-integers.onnx" : "-float32.onnx"));
  const Bytes bytes = workload_onnx(work, peer.integers);
  write_file(file, bytes.data(), bytes.size());
  const Shape input = make_network(work).input();
  for (const std::string& word : {std::string("--file"), file.string(), std::string("--shape"),
                                  print(Shape{1, input[2], input[0], input[1]})})
    command.push_back(word);
  return command;
}

std::vector<std::string> work_arguments(const WorkOptions& options) {
  return {"--work",    options.work,
          "--model",   options.model,
          "--batch",   std::to_string(options.batch),
          "--threads", std::to_string(options.threads)};
}

}  // namespace octet::cli

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>

#include "examples/cli/program.h"

// OpenMP's threads spin while they wait. On a machine that does other work too, a spinning thread
// holds the processor that the awaited one needs: a training step was measured to take 8 times as
// long. The runtime reads its policy when it is loaded, so the program starts again with it set.
static void wait_without_spinning(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") || std::getenv("GOMP_SPINCOUNT")) return;
  setenv("GOMP_SPINCOUNT", "2000", 1);
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) execv(program.c_str(), argv);  // where that fails, the program works all the same
}

int main(int argc, char** argv) {
  wait_without_spinning(argv);
  return octet::cli::run({argv + 1, argv + argc});
}

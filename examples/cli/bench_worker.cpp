// octet bench-worker: one contestant of octet bench, in a process of its own. See contestant.h for
// what it hears and answers.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iostream>
#include <sstream>

#include "examples/cli/precision_option.h"
#include "examples/cli/session.h"
#include "examples/cli/workload.h"
#include "framework/check.h"
#include "framework/parallel.h"

namespace octet::cli {
namespace {

// VmRSS or VmHWM of this process, in bytes; 0 where it is not told.
std::int64_t memory(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(field + ":")) return std::atoll(line.c_str() + field.size() + 1) * 1024;
  return 0;
}

// What is held now, with the peak begun again from there where the system allows it.
std::int64_t memory_baseline() {
  const bool reset = static_cast<bool>(std::ofstream("/proc/self/clear_refs") << "5" << std::flush);
  return memory(reset ? "VmRSS" : "VmHWM");
}

int run_worker(const WorkOptions& options) {
  set_threads(options.threads);
  const std::int64_t baseline = memory_baseline();
  Workload workload(options);
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "quit") {
      std::cout << std::max<std::int64_t>(0, memory("VmHWM") - baseline) << std::endl;
      return 0;
    }
    std::istringstream words(line);
    std::string verb;
    std::int64_t count = 0;
    check(words >> verb >> count && verb == "steps" && count > 0, Failure::usage,
          "expected 'steps K' or 'quit', got '", line, "'");
    const Stopwatch watch;
    for (std::int64_t i = 0; i < count; ++i) workload.step();
    std::cout << format_text("%.9f", watch.seconds()) << std::endl;
  }
  return 0;
}

}  // namespace

void add_bench_worker(CLI::App& program, Work& work) {
  CLI::App& verb = *program.add_subcommand("bench-worker", "one contestant of octet bench");
  verb.group("");  // not for people: left out of the help
  const auto options = std::make_shared<WorkOptions>();
  verb.add_option("--work", options->work)->check(CLI::IsMember({"train", "infer"}));
  verb.add_option("--model", options->model);
  verb.add_option("--precision", options->precision);
  add_bfloat16_option(verb, options->simulate_bfloat16);
  verb.add_option("--batch", options->batch)->check(CLI::Range(1, 65536));
  verb.add_option("--threads", options->threads)->check(CLI::Range(1, 1024));
  verb.callback([&work, options] { work = [options] { return run_worker(*options); }; });
}

}  // namespace octet::cli

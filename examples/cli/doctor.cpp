// octet doctor: what this machine offers, and whether the integer paths hold on it.
#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "examples/cli/session.h"
#include "framework/code_paths.h"
#include "framework/direct_convolution.h"
#include "framework/dnn.h"
#include "framework/parallel.h"
#include "framework/products.h"
#include "framework/weight_gradient.h"

namespace octet::cli {
namespace {

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

int run_doctor(const CommonOptions& options) {
  use_threads(options);
  const products::Paths& paths = products::paths();
  const auto verdict = [](bool exact) {
    return exact ? "passed: its int8 kernels are used"
                 : "failed: exact float32 products of codes stand in, slower but right";
  };
  std::cout << "processor          " << processor() << "\nprocessors         "
            << available_processors() << " (affinity and cgroup quota counted), " << threads()
            << " threads\nlibrary            " << dnn::description()
            << "\noneDNN convolution self-test " << verdict(paths.convolution)
            << "\nown convolution    "
            << (paths.direct ? "self-test passed: used where it is faster"
                : direct_convolution::available()
                    ? "self-test failed: not used"
                    : "not here: needs AVX512-VNNI, in the processor and allowed")
            << "\noneDNN products    self-test " << verdict(paths.gemm)
            << "\nweight gradients   self-test passed by " << weight_gradient::kernel()
            << "\nbfloat16 products  "
            << (products::has_bfloat16() ? "in the processor" : "not in the processor") << "\n";
  std::cout << "data sets\n";
  for (const auto& entry : list())
    std::cout << format_text("  %-14s %s\n", entry.name.c_str(),
                             entry.where.empty() ? "not here" : entry.where.c_str());
  std::cout << std::flush;
  if (options.json)
    std::cout << Json{{"processors", available_processors()},
                      {"threads", threads()},
                      {"library", dnn::description()},
                      {"int8_convolution", paths.convolution},
                      {"int8_products", paths.gemm},
                      {"own_convolution", paths.direct},
                      {"weight_gradients", weight_gradient::kernel()},
                      {"bfloat16_products", products::has_bfloat16()}}
                     .dump()
              << std::endl;
  return 0;
}

}  // namespace

void add_doctor(CLI::App& program, Work& work) {
  CLI::App& verb =
      *program.add_subcommand("doctor", "processor, threads, self-tests of the integer paths");
  const auto options = std::make_shared<CommonOptions>();
  verb.add_option("--threads", options->threads, "threads; 0 takes every processor there is")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  verb.add_flag("--json", options->json, "print one JSON object as the last line of stdout");
  verb.footer(
      "Where oneDNN's int8 kernels fail the self-test, training in integers gives the same bits\n"
      "by a slower way.\n"
      "Examples:\n"
      "  octet doctor\n"
      "  ONEDNN_MAX_CPU_ISA=AVX2 octet doctor     what an older processor would do");
  verb.callback([&work, options] { work = [options] { return run_doctor(*options); }; });
}

}  // namespace octet::cli

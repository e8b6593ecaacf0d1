// octet inspect: what is in a model file, tensor by tensor.
#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "examples/cli/session.h"
#include "framework/files.h"
#include "quant/compression/compression_table.h"
#include "quant/compression/model_file.h"

namespace octet::cli {
namespace {

struct InspectOptions {
  std::string model;
  CommonOptions common;
};

int run_inspect(const InspectOptions& options) {
  const Bytes bytes = read_file(options.model);
  std::vector<TensorReport> reports;
  const Model model = decode(bytes, options.model, &reports);
  std::cout << print(model.definition);
  for (const auto& [key, value] : model.attributes) {
    std::string line = value;
    for (char& c : line)
      if (c == '\n') c = ' ';
    if (key != "training") std::cout << format_text("%-10s ", (key + ":").c_str()) << line << '\n';
  }
  std::cout << format_text("\n%-34s %-14s %-8s %10s %10s %5s %6s %10s %10s\n", "tensor", "shape",
                           "coding", "elements", "non-zero", "bits", "index", "bytes", "entropy");
  Json tensors = Json::array();
  for (const TensorReport& r : reports) {
    const bool coded = r.coding != Coding::raw;
    std::cout << format_text(
                     "%-34s %-14s %-8s %10lld %10lld %5.1f ", r.name.c_str(),
                     print(r.shape).c_str(), std::string(print(r.coding)).c_str(),
                     static_cast<long long>(r.elements), static_cast<long long>(r.nonzeros),
                     coded ? r.coded_weight_bits
                           : 8.0 * static_cast<double>(size_of(model.tensors.at(r.name).element())))
              << (coded ? format_text("%6.1f", r.coded_index_bits) : std::string("     -"))
              << format_text(" %10lld ", static_cast<long long>(r.payload_bytes))
              << (coded ? format_text("%10lld", static_cast<long long>(r.entropy_bytes))
                        : std::string("         -"))
              << '\n';
    tensors.push_back({{"name", r.name},
                       {"shape", print(r.shape)},
                       {"coding", print(r.coding)},
                       {"elements", r.elements},
                       {"nonzeros", r.nonzeros},
                       {"clusters", r.clusters},
                       {"bytes", r.payload_bytes},
                       {"entropy_bytes", r.entropy_bytes}});
  }
  const auto size = static_cast<std::int64_t>(bytes.size());
  std::cout << '\n' << compression_table(reports, size) << std::flush;
  if (options.common.json)
    std::cout
        << Json{{"parameters", model.parameters()}, {"bytes", size}, {"tensors", tensors}}.dump()
        << std::endl;
  return 0;
}

}  // namespace

void add_inspect(CLI::App& program, Work& work) {
  CLI::App& verb =
      *program.add_subcommand("inspect", "definition, tensors and bytes of a model file");
  const auto options = std::make_shared<InspectOptions>();
  verb.add_option("MODEL", options->model, "model file")->required();
  verb.add_flag("--json", options->common.json, "print one JSON object as the last line of stdout");
  verb.footer(
      "bits, index: an entry's average; bytes: of the tensor in the file; entropy: the least that\n"
      "any code of single symbols could take for its streams (contexts may take less).\n"
      "Example:\n"
      "  octet inspect runs/strokes-lenet5-int8/last-compressed.octet");
  verb.callback([&work, options] { work = [options] { return run_inspect(*options); }; });
}

}  // namespace octet::cli

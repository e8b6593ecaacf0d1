// octet import: a classifier that another framework has written, as a model file.
#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "examples/cli/session.h"
#include "framework/check.h"
#include "framework/files.h"
#include "quant/compression/model_file.h"
#include "quant/onnx/onnx_file.h"

namespace octet::cli {
namespace {

struct ImportOptions {
  std::string file, out;
  std::vector<std::string> classes;
  std::vector<float> mean, deviation;
  DataOptions data;
  CommonOptions common;
};

// Takes from the options, then from the data, what the file does not say.
void complete(Model& model, const ImportOptions& options, const Splits* splits) {
  std::map<std::string, std::string>& attributes = model.attributes;
  const bool normalises = attributes.contains("mean"), asked = !options.mean.empty();
  check(asked == !options.deviation.empty(), Failure::usage,
        "--mean and --deviation go together: one of them is missing");
  check(!normalises || !asked, Failure::usage, options.file,
        " normalises its pictures itself: --mean and --deviation would do so twice");
  Dataset described{.name = splits ? splits->test.name : "", .classes = options.classes};
  if (described.classes.empty() && splits) described.classes = splits->test.classes;
  check(!described.classes.empty() || attributes.contains("classes"), Failure::usage, options.file,
        " has no names of classes: give --classes, or --data to take them from");
  Normalization normalization{options.mean, options.deviation};
  if (normalises) {
    normalization = normalization_of(model);
  } else if (!asked) {
    check(
        splits != nullptr, Failure::usage, options.file,
        " does not say how it normalises: give --mean and --deviation, or --data to measure them");
    normalization = measure_normalization(splits->train);
  }
  if (described.classes.empty()) described.classes = classes_of(model);
  if (described.name.empty() && attributes.contains("dataset"))
    described.name = attributes["dataset"];
  describe(model, described, normalization, parse_precision("float32"), model.attribute("loss"));
}

int run_import(const ImportOptions& options) {
  use_threads(options.common);
  Model model = read_onnx(read_file(options.file, std::uint64_t{1} << 31), options.file);
  check_writable(options.out);
  Splits splits;
  const bool has_data = !options.data.data.empty();
  if (has_data) splits = load_data(options.data, model.definition.input, model.definition.input);
  complete(model, options, has_data ? &splits : nullptr);
  check_usable(model, options.file);
  if (has_data) check_classes(model, splits.test);
  write_model(options.out, model);
  std::cout << print(model.definition) << options.out << ": " << model.parameters()
            << " parameters, " << classes_of(model).size() << " classes" << std::endl;
  Json json{{"model", options.out}, {"parameters", model.parameters()}};
  if (has_data) {
    const Evaluation result = evaluate_model(model, splits.test);
    std::cout << "test error " << percent(result.metrics) << std::endl;
    json["test_error"] = result.metrics.error();
  }
  if (options.common.json) std::cout << json.dump() << std::endl;
  return 0;
}

}  // namespace

void add_import(CLI::App& program, Work& work) {
  CLI::App& verb = *program.add_subcommand("import", "a classifier in float32 from an ONNX file");
  const auto options = std::make_shared<ImportOptions>();
  verb.add_option("FILE", options->file, "ONNX file")->required();
  verb.add_option("--out", options->out, "model file to write")->required();
  verb.add_option("--classes", options->classes, "names of the classes in order: a,b,c")
      ->delimiter(',')
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  for (auto& [name, values] :
       {std::pair{"--mean", &options->mean}, std::pair{"--deviation", &options->deviation}})
    verb.add_option(name, *values, "one number a channel, of pixels / 255: 0.49,0.48,0.45")
        ->delimiter(',')
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  add_data_options(verb, options->data, false);
  add_common_options(verb, options->common);
  verb.footer(
      "Names of classes and normalisation come from the file, else from the options, else from\n"
      "--data, whose test pictures are then classified too.\n"
      "Example:\n"
      "  octet import lenet5.onnx --out lenet5.octet --data mnist");
  verb.callback([&work, options] { work = [options] { return run_import(*options); }; });
}

}  // namespace octet::cli

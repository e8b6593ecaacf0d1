// octet eval: the error of a model, compressed or not, on a test set.
#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "examples/cli/precision_option.h"
#include "examples/cli/session.h"
#include "framework/check.h"
#include "framework/parallel.h"
#include "quant/compression/model_file.h"

namespace octet::cli {
namespace {

struct EvalOptions {
  std::string model;
  DataOptions data;
  CommonOptions common;
  std::string execution = "float";
  std::string rounding = "half-even";
  std::string augmentation = "none";
  std::int64_t batch = 250;
  bool simulate_bfloat16 = false;
};

void print_confusion(const std::vector<std::int64_t>& confusion,
                     const std::vector<std::string>& classes) {
  const std::size_t n = classes.size();
  if (n > 20) return;  // wider than a terminal
  std::cout << "rows: label, columns: answer\n";
  for (std::size_t i = 0; i < n; ++i) {
    std::cout << format_text("%12.12s", classes[i].c_str());
    for (std::size_t k = 0; k < n; ++k)
      std::cout << format_text(" %5lld", static_cast<long long>(confusion[i * n + k]));
    std::cout << '\n';
  }
}

int run_eval(const EvalOptions& options) {
  use_threads(options.common);
  const Model model = open_model(options.model);
  if (options.simulate_bfloat16) choose_precision(model.attribute("precision"), true);
  const Splits splits = load_data(options.data, model.definition.input, model.definition.input);
  check_classes(model, splits.test);
  std::optional<RequantRounding> integer;
  if (options.execution == "integer") integer = parse_requant_rounding(options.rounding);
  const Evaluation result = evaluate_model(model, splits.test, options.batch, integer,
                                           parse_test_augmentation(options.augmentation));
  const std::string precision = model.attribute("precision");
  print_confusion(result.confusion, splits.test.classes);
  std::cout << "test error " << percent(result.metrics)
            << format_text(", loss %.4f, %.0f images/s, ", result.metrics.loss(),
                           result.images_per_second())
            << "precision " << precision
            << (options.execution == "integer" ? ", in integers only" : "") << std::endl;
  if (options.common.json)
    std::cout << Json{{"test_error", result.metrics.error()},
                      {"execution", options.execution},
                      {"precision", precision},
                      {"images_per_second", result.images_per_second()}}
                     .dump()
              << std::endl;
  return 0;
}

}  // namespace

void add_eval(CLI::App& program, Work& work) {
  CLI::App& verb = *program.add_subcommand("eval", "test error of a model file, compressed or not");
  const auto options = std::make_shared<EvalOptions>();
  verb.add_option("MODEL", options->model, "model file")->required();
  add_data_options(verb, options->data);
  verb.add_option("--execution", options->execution,
                  "float: the network that trains, in its precision (int8: products and what flows "
                  "between layers); integer: lowered to integers from picture to scores")
      ->check(CLI::IsMember({"float", "integer"}))
      ->capture_default_str();
  CLI::Option& rounding =
      *verb.add_option("--rounding", options->rounding,
                       "of integers: half-even, which training knows, half-away, or double, as "
                       "gemmlowp and TensorFlow Lite round")
           ->check(CLI::IsMember({"half-even", "half-away", "double"}))
           ->capture_default_str();
  verb.add_option("--batch", options->batch, "pictures at a time")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  add_test_augmentation_option(verb, options->augmentation);
  add_bfloat16_option(verb, options->simulate_bfloat16);
  add_common_options(verb, options->common);
  verb.footer(
      "The model runs in the precision it was trained in. One trained in integer-arithmetic-only, "
      "or\n"
      "made by octet quantize from any other, compressed or not, runs in integers too.\n"
      "Example:\n"
      "  octet eval runs/strokes-lenet5-int8/last-compressed.octet --data strokes");
  verb.callback([&work, &rounding, options] {
    work = [&rounding, options] {
      check(options->execution == "integer" || rounding.count() == 0, Failure::usage,
            "--rounding: expected --execution integer beside it, got ", options->execution);
      return run_eval(*options);
    };
  });
}

}  // namespace octet::cli

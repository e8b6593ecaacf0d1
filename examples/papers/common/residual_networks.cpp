#include "examples/papers/common/residual_networks.h"

#include <CLI/CLI.hpp>

#include "datasets/transforms.h"
#include "examples/cli/session.h"
#include "examples/networks/networks.h"

namespace octet::papers {

void add_options(CLI::App& program, ResidualOptions& options) {
  add_options(program, options.common);
  program.add_option("--model", options.model,
                     "network of the zoo; resnet20 unless given, resnet8 of --quick");
  program.add_option("--epochs", options.epochs, "for 30, or 6 of --quick")
      ->check(CLI::Range(1, 10000));
  program.add_option("--rate", options.rate, "first learning rate")
      ->check(cli::within(1e-6, 10.0))
      ->capture_default_str();
  program.add_flag("--validation-only", options.validation_only,
                   "leave the test pictures alone: for choosing");
}

std::vector<Outcome> compare_residual_networks(const ResidualOptions& options,
                                               const std::vector<NamedFormats>& formats,
                                               std::optional<double> paper_real) {
  cli::use_threads({.threads = options.common.threads});
  const bool quick = options.common.quick;
  const Task task =
      load_task(options.common.data, {32, 32, 3}, 5000, options.common.seed, quick ? 10000 : 0);
  const Training how{.epochs = options.epochs > 0 ? options.epochs
                               : quick            ? 6
                                                  : 30,
                     .rate = static_cast<float>(options.rate),
                     .weight_decay = 5e-4f,
                     .batch = 128,
                     .transform = quick ? Transform() : chain({pad_crop(4), flip()})};
  std::vector<Variant> variants{{"float32", "float32", paper_real, how}};
  for (const NamedFormats& each : formats)
    variants.push_back({each.name, each.precision, each.paper, how});
  const std::string model = !options.model.empty() ? options.model : quick ? "resnet8" : "resnet20";
  const auto classes = static_cast<std::int64_t>(task.train.classes.size());
  return compare_formats(print(zoo_network(model, task.train.image, classes)), task, variants,
                         options.common, options.validation_only);
}

}  // namespace octet::papers

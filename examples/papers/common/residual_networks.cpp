#include "examples/papers/common/residual_networks.h"

#include <CLI/CLI.hpp>

#include "datasets/transforms.h"
#include "examples/cli/session.h"
#include "examples/networks/networks.h"
#include "examples/papers/common/claims.h"

namespace octet::papers {

void add_options(CLI::App& program, ResidualOptions& options) {
  add_options(program, static_cast<FormatOptions&>(options));
  program.add_option("--model", options.model,
                     "network of the zoo, instead of resnet20, or resnet8 with --quick");
  program
      .add_option("--start-epochs", options.start_epochs,
                  "epochs in float32, before the formats, instead of 20, or 5 with --quick")
      ->check(CLI::Range(1, 10000));
  program
      .add_option("--epochs", options.epochs,
                  "epochs of each format after those, instead of 10, or 2 with --quick")
      ->check(CLI::Range(1, 10000));
  program.add_option("--start-rate", options.start_rate, "first learning rate of the start")
      ->check(cli::within(1e-6, 10.0))
      ->capture_default_str();
  program.add_option("--rate", options.rate, "first learning rate of the formats")
      ->check(cli::within(1e-6, 10.0))
      ->capture_default_str();
}

int compare_residual_networks(const ResidualOptions& options,
                              const std::vector<NamedFormats>& formats,
                              std::optional<double> paper_real) {
  cli::use_threads({.threads = options.common.threads});
  const bool quick = options.common.quick;
  const Task task = load_task(options.common.data, {32, 32, 3}, options.validation_only ? 5000 : 0,
                              options.common.seed, quick ? 10000 : 0);
  Training how{.epochs = epochs_of(options.epochs, options.common, 10, 2),
               .rate = static_cast<float>(options.rate),
               .weight_decay = 5e-4f,
               .batch = 128,
               .transform = quick ? Transform() : chain({pad_crop(4), flip()})};
  Training start = how;
  start.epochs = epochs_of(options.start_epochs, options.common, 20, 5);
  start.rate = static_cast<float>(options.start_rate);
  std::vector<Variant> variants{{"float32", "float32", paper_real, how}};
  for (const NamedFormats& each : formats)
    variants.push_back({each.name, each.precision, each.paper, how});
  const std::string model = !options.model.empty() ? options.model : quick ? "resnet8" : "resnet20";
  const auto classes = static_cast<std::int64_t>(task.train.classes.size());
  const Outcomes all = compare_formats(print(zoo_network(model, task.train.image, classes)), task,
                                       variants, options, start);
  Claims claims;
  claims.add(all.mean("float32"),
             {.what = "float32: test error, %", .paper = paper_real, .bound = quick ? 60.0 : 14.0});
  for (const NamedFormats& each : formats)
    if (each.gap)
      claims.add(all.gap(each.name), {.what = each.name + ": points above float32",
                                      .paper = each.gap->paper,
                                      .bound = quick ? each.gap->quick_bound : each.gap->bound});
  return conclude(claims, options.common.json);
}

}  // namespace octet::papers

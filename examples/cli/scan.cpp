// octet scan: what the error becomes with one layer pruned at a time, and the densities by layer
// that follow (Han, Pool, Tran, Dally 2015). Writes nothing.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "examples/cli/by_layer.h"
#include "examples/cli/interrupt.h"
#include "examples/cli/precision_option.h"
#include "examples/cli/session.h"
#include "framework/check.h"
#include "framework/parallel.h"
#include "layers/losses.h"
#include "quant/compression/pruning.h"
#include "quant/compression/sensitivity.h"

namespace octet::cli {
namespace {

// What octet compress takes.
constexpr double least_density = 1e-4;

struct ScanOptions {
  std::string model;
  DataOptions data;
  CommonOptions common;
  double prune = 0.95;
  std::string densities;
  double validation = 0.05;
};

// From 1 downwards, in steps of about 1.4, well below the density that all layers shall have
// together: large layers go lower than that.
std::vector<double> default_grid(double overall) {
  std::vector<double> grid = {1, 0.7, 0.5, 0.35, 0.25, 0.18, 0.12, 0.08, 0.05, 0.03, 0.02, 0.01};
  while (grid.back() > overall / 4 && grid.back() > least_density)
    grid.push_back(std::max(grid.back() * 0.7, least_density));
  return grid;
}

// Densities in falling order; 1, the layer untouched, is always among them.
std::vector<double> parse_grid(const std::string& text) {
  std::vector<double> grid = {1};
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    char* end = nullptr;
    const double value = std::strtod(part.c_str(), &end);
    check(!part.empty() && *end == '\0' && value >= least_density && value <= 1, Failure::usage,
          "--densities: expected numbers from ", least_density,
          " to 1 such as '0.5,0.2,0.1', got '", part, "'");
    grid.push_back(value);
  }
  std::sort(grid.begin(), grid.end(), std::greater<>());
  grid.erase(std::unique(grid.begin(), grid.end()), grid.end());
  return grid;
}

// As it is printed for octet compress, which keeps at least one weight in 10000.
double sparsity_of(double density) {
  return std::clamp(std::round(1e4 * (1 - density)) / 1e4, 0.0, 1 - least_density);
}

// The file's weights: that of a layer, and what it costs to have fewer of them.
struct Scanned {
  Parameter* weight;
  Sensitivity sensitivity;
  std::vector<Metrics> measured;  // at each density of the grid
};

// Densities of all layers, and what they give without retraining.
struct Choice {
  std::vector<double> densities;
  double density = 0;  // of all weights
  Metrics measured;
};

class Scan {
 public:
  explicit Scan(const ScanOptions& options);
  int work();

 private:
  Metrics measure();
  void scan();
  Choice choose(const std::vector<double>& densities);
  void print_table() const;
  void print_choices(const DensityProposal& proposal, const Choice& scanned,
                     const Choice& by_size) const;
  std::string prune_text(const Choice& choice) const;
  Json json(const DensityProposal& proposal, const Choice& scanned, const Choice& by_size) const;

  ScanOptions options_;
  std::vector<double> grid_;
  Dataset validation_;
  Normalization normalization_;
  std::unique_ptr<Loss> loss_;
  Network network_;
  std::vector<Scanned> layers_;
  Metrics untouched_;
  std::string precision_;
  std::int64_t parameters_ = 0, weights_ = 0;
  std::size_t name_width_ = 16;
};

Scan::Scan(const ScanOptions& options) : options_(options) {
  const double overall = 1 - options.prune;
  grid_ = options.densities.empty() ? default_grid(overall) : parse_grid(options.densities);
  check(grid_.back() <= overall + 1e-9, Failure::usage, "--densities: expected one of at most ",
        overall, " for --prune ", options.prune, ", got ", grid_.back(), " as the least");
  const Model model = open_model(options.model);
  precision_ = model.attribute("precision");
  parameters_ = model.parameters();
  Splits splits = load_data(options.data, model.definition.input, model.definition.input);
  check_classes(model, splits.train);
  const auto held =
      static_cast<std::int64_t>(options.validation * static_cast<double>(splits.train.size()));
  check(held > 0, Failure::usage, "--validation: expected a share of the ", splits.train.size(),
        " training pictures that is at least one of them, got ", options.validation);
  validation_ = octet::hold_out(splits.train, held, options.common.seed);
  normalization_ = normalization_of(model);
  loss_ = make_loss(model.attribute("loss"));
  note_simulation(model);
  network_ = build_network(model);
  for (Parameter* parameter : network_.parameters()) {
    if (!parameter->is_weight) continue;
    layers_.push_back({parameter, {.weights = parameter->value.elements()}, {}});
    weights_ += parameter->value.elements();
    name_width_ = std::max(name_width_, layer_of(*parameter).size());
  }
  check(!layers_.empty(), Failure::usage, options.model, ": has no weights to prune");
}

Metrics Scan::measure() {
  if (interrupt() != 0) throw Interrupted{interrupt(), ""};
  DataLoader loader(validation_, {.batch = 250, .normalization = normalization_});
  return evaluate(network_, *loss_, loader);
}

void Scan::scan() {
  Progress progress;
  untouched_ = measure();
  const auto all = static_cast<double>(layers_.size() * grid_.size());
  double done = 0;
  for (Scanned& layer : layers_) {
    const Parameter whole = *layer.weight;
    for (const double wanted : grid_) {
      progress.show("scan " + layer_of(whole), done++ / all);
      const bool fewer = wanted < density(whole.value);
      if (fewer) prune(*layer.weight, wanted);
      layer.measured.push_back(fewer ? measure() : untouched_);
      layer.sensitivity.points.push_back(
          {density(layer.weight->value) * static_cast<double>(layer.sensitivity.weights),
           layer.measured.back().loss()});
      *layer.weight = whole;
    }
  }
}

// All layers pruned at once: that their losses add up is only how they were chosen.
Choice Scan::choose(const std::vector<double>& densities) {
  Choice choice{.densities = densities};
  std::vector<Parameter> whole;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    Parameter& weight = *layers_[i].weight;
    whole.push_back(weight);
    prune(weight, densities[i]);
    choice.density += density(weight.value) * static_cast<double>(weight.value.elements()) /
                      static_cast<double>(weights_);
  }
  choice.measured = measure();
  for (std::size_t i = 0; i < layers_.size(); ++i) *layers_[i].weight = std::move(whole[i]);
  return choice;
}

std::string Scan::prune_text(const Choice& choice) const {
  std::string text;
  for (std::size_t i = 0; i < layers_.size(); ++i)
    text += (i > 0 ? "," : "") + layer_of(*layers_[i].weight) + "=" +
            format_text("%g", sparsity_of(choice.densities[i]));
  return text;
}

void Scan::print_table() const {
  const auto name = [&](std::string text) {
    text.resize(name_width_, ' ');
    return text;
  };
  std::cout << "\nvalidation error in %, one layer pruned to a density and not retrained\n"
            << name("layer") << "    weights";
  for (const double wanted : grid_) std::cout << format_text(" %6.3g", wanted);
  std::cout << '\n';
  for (const Scanned& layer : layers_) {
    std::cout << name(layer_of(*layer.weight))
              << format_text(" %10lld", static_cast<long long>(layer.sensitivity.weights));
    for (const Metrics& measured : layer.measured)
      std::cout << format_text(" %6.2f", 100 * measured.error());
    std::cout << '\n';
  }
}

void Scan::print_choices(const DensityProposal& proposal, const Choice& scanned,
                         const Choice& by_size) const {
  const auto line = [&](std::string name, const std::string& rest) {
    name.resize(name_width_, ' ');
    std::cout << name << rest << '\n';
  };
  std::cout << '\n';
  line("density", "    weights  proposed   by size");
  for (std::size_t i = 0; i < layers_.size(); ++i)
    line(layer_of(*layers_[i].weight),
         format_text(" %10lld %9.4f %9.4f", static_cast<long long>(layers_[i].sensitivity.weights),
                     scanned.densities[i], by_size.densities[i]));
  line("all weights", format_text(" %10lld %9.4f %9.4f", static_cast<long long>(weights_),
                                  scanned.density, by_size.density));
  line("validation loss",
       format_text("            %9.4f %9.4f", scanned.measured.loss(), by_size.measured.loss()));
  line("validation error",
       format_text("            %8.2f%% %8.2f%%", 100 * scanned.measured.error(),
                   100 * by_size.measured.error()));
  std::cout << format_text(
                   "\nthe layers' own losses add up to %.4f for the proposal, %.4f as the model "
                   "is\nremoves %.2f %% of all weights:\n--prune ",
                   untouched_.loss() + proposal.loss_rise, untouched_.loss(),
                   100 * (1 - scanned.density))
            << prune_text(scanned) << std::endl;
}

Json Scan::json(const DensityProposal& proposal, const Choice& scanned,
                const Choice& by_size) const {
  Json layers = Json::array();
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    Json losses = Json::array(), errors = Json::array();
    for (const Metrics& measured : layers_[i].measured) {
      losses.push_back(measured.loss());
      errors.push_back(measured.error());
    }
    layers.push_back({{"name", layer_of(*layers_[i].weight)},
                      {"weights", layers_[i].sensitivity.weights},
                      {"validation_loss", losses},
                      {"validation_error", errors},
                      {"density", scanned.densities[i]}});
  }
  return {{"densities", grid_},
          {"layers", layers},
          {"prune", prune_text(scanned)},
          {"sparsity", 1 - scanned.density},
          {"loss", untouched_.loss()},
          {"predicted_loss", untouched_.loss() + proposal.loss_rise},
          {"validation_loss", scanned.measured.loss()},
          {"validation_error", scanned.measured.error()},
          {"by_size_validation_loss", by_size.measured.loss()},
          {"by_size_validation_error", by_size.measured.error()}};
}

int Scan::work() {
  catch_interrupts();
  std::cout << options_.model << ": " << parameters_ << " parameters, precision " << precision_
            << ", " << validation_.size() << " training pictures of " << validation_.name
            << " held out, " << threads() << (threads() == 1 ? " thread" : " threads") << std::endl;
  scan();
  print_table();
  std::vector<Sensitivity> sensitivities;
  std::vector<std::int64_t> sizes;
  for (const Scanned& layer : layers_) {
    sensitivities.push_back(layer.sensitivity);
    sizes.push_back(layer.sensitivity.weights);
  }
  const double overall = 1 - options_.prune;
  const DensityProposal proposal = propose_densities(sensitivities, overall);
  std::vector<double> printed;
  for (const double wanted : proposal.densities) printed.push_back(1 - sparsity_of(wanted));
  const Choice scanned = choose(printed);
  const Choice by_size = choose(densities_by_size(sizes, overall));
  print_choices(proposal, scanned, by_size);
  if (options_.common.json) std::cout << json(proposal, scanned, by_size).dump() << std::endl;
  return 0;
}

}  // namespace

void add_scan(CLI::App& program, Work& work) {
  CLI::App& verb = *program.add_subcommand(
      "scan", "error with one layer pruned at a time; proposes --prune by layer");
  const auto options = std::make_shared<ScanOptions>();
  ScanOptions& o = *options;
  verb.add_option("MODEL", o.model, "model file of octet train")->required();
  add_data_options(verb, o.data);
  verb.add_option("--prune", o.prune, "share of all weights that the proposal removes")
      ->check(within(0.0, 1 - least_density))
      ->capture_default_str();
  verb.add_option("--densities", o.densities,
                  "shares of a layer's weights to keep, such as 0.5,0.2,0.1; twelve or more from 1 "
                  "to 0.01 or below unless given");
  verb.add_option("--validation", o.validation,
                  "share of the training pictures to measure on; those that octet train held out "
                  "when that and --seed are the same")
      ->check(within(0.0, 0.5))
      ->capture_default_str();
  add_common_options(verb, o.common);
  verb.footer(
      "Each layer alone keeps so many weights of largest magnitude; nothing is retrained or "
      "written.\n"
      "The last line is an option of octet compress: the densities at which one weight more or "
      "less\n"
      "changes the loss equally in every layer; \"by size\" is what compress takes without it.\n"
      "Examples:\n"
      "  octet scan runs/strokes-lenet5-int8/last.octet --data strokes\n"
      "  octet scan lenet5.octet --data mnist --prune 0.98 --densities 0.5,0.2,0.1,0.05,0.02,0.01");
  verb.callback([&work, options] {
    work = [options] {
      use_threads(options->common);
      return Scan(*options).work();
    };
  });
}

}  // namespace octet::cli

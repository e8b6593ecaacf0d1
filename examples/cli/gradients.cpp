// octet gradients: how far the gradients of a model in few bits are from those in float32, layer by
// layer, and what of it does not average out. Writes nothing.
#include <CLI/CLI.hpp>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "examples/cli/by_layer.h"
#include "examples/cli/interrupt.h"
#include "examples/cli/precision_option.h"
#include "examples/cli/session.h"
#include "framework/check.h"
#include "framework/data_loader.h"
#include "framework/parallel.h"
#include "layers/build.h"
#include "layers/losses.h"

namespace octet::cli {
namespace {

struct GradientsOptions {
  std::string model, precision, augment = "none";
  DataOptions data;
  CommonOptions common;
  std::int64_t batch = 256, settle = 40;
  bool simulate_bfloat16 = false;
};

// Of one weight, as shares of the squared length of its float32 gradient.
struct LayerError {
  std::string layer;
  std::int64_t weights = 0;
  double batch = 0;   // half the squared distance between the gradients of two batches
  double random = 0;  // of one draw of all roundings about their mean
  double fixed = 0;   // of that mean from the float32 gradient; an estimate, so it can be below 0
  double cosine = 0;  // between that mean and the float32 gradient
};

using Gradients = std::vector<std::vector<double>>;  // by weight

// Both networks draw the same numbers where both draw (dropout) under the same step.
struct Study {
  explicit Study(const GradientsOptions& options);
  int work();

  double pass(Network& network, const Batch& batch, std::uint64_t step, Gradients& gradients) const;
  std::vector<LayerError> measure();
  void print_table(const std::vector<LayerError>& layers) const;

  static constexpr int draws = 4;
  GradientsOptions options;
  std::string precision;
  std::unique_ptr<Loss> loss;
  Network exact, coded;
  std::vector<Batch> batches;
  double exact_loss = 0, coded_loss = 0;
  bool flows = false;
};

// The weights of the model, and what its layers remember where the precisions agree on it.
void copy_from(Network& source, Network& target) {
  const auto same = [](const Tensor& a, const Tensor& b) {
    return a.shape() == b.shape() && a.element() == b.element();
  };
  for (Parameter* to : target.parameters())
    for (const Parameter* from : source.parameters())
      if (from->name == to->name && same(from->value, to->value)) to->value = from->value;
  for (const auto& [name, to] : target.state())
    for (const auto& [other, from] : source.state())
      if (name == other && same(*from, *to)) *to = *from;
}

std::vector<Parameter*> weights_of(const Network& network) {
  std::vector<Parameter*> weights;
  for (Parameter* parameter : network.parameters())
    if (parameter->is_weight) weights.push_back(parameter);
  return weights;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

double squared_distance(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

Study::Study(const GradientsOptions& given) : options(given) {
  const Model model = open_model(options.model);
  const std::string text =
      options.precision.empty() ? model.attribute("precision") : options.precision;
  const Precision chosen = choose_precision(text, options.simulate_bfloat16);
  precision = print(chosen);
  Splits splits = load_data(options.data, model.definition.input, model.definition.input);
  check_classes(model, splits.train);
  check(splits.train.size() >= 2 * options.batch, Failure::usage, "--batch ", options.batch,
        ": expected at most half of the ", splits.train.size(), " training pictures");
  loss = make_loss(model.attribute("loss"));
  Network source = build_network(model);
  exact = build_network(model.definition);
  coded = build_network(model.definition);
  set_precision(exact, {});
  flows = set_precision(coded, chosen);
  for (Network* network : {&exact, &coded}) {
    network->initialize(options.common.seed);
    copy_from(source, *network);
  }
  DataLoader loader(splits.train, {.batch = options.batch,
                                   .shuffle = true,
                                   .seed = options.common.seed,
                                   .normalization = normalization_of(model),
                                   .transform = find_transform(options.augment, splits.train)});
  for (int i = 0; i < 2; ++i) batches.push_back(*loader.next());
}

// Forward and backward as in training; gives the mean loss.
double Study::pass(Network& network, const Batch& batch, std::uint64_t step,
                   Gradients& gradients) const {
  if (interrupt() != 0) throw Interrupted{interrupt(), ""};
  const Pass how{.training = true, .seed = options.common.seed, .step = step};
  Tensor error;
  const double mean = loss->evaluate(network.forward(batch.images, how), batch.labels, &error);
  network.backward(error, how);
  gradients.clear();
  for (const Parameter* weight : weights_of(network)) {
    const float* const values = weight->gradient.floats();
    gradients.emplace_back(values, values + weight->gradient.elements());
  }
  return mean;
}

std::vector<LayerError> Study::measure() {
  Progress progress;
  Gradients now, truth, elsewhere;
  // Ranges that are moving averages belong to the weights and to the precision they were seen in.
  for (std::int64_t i = 0; i < options.settle; ++i) {
    pass(coded, batches[static_cast<std::size_t>(i % 2)], static_cast<std::uint64_t>(i), now);
    progress.show("ranges settle", static_cast<double>(i) / static_cast<double>(options.settle));
  }
  const auto first = static_cast<std::uint64_t>(options.settle);
  pass(exact, batches[1], first, elsewhere);
  const std::vector<Parameter*> weights = weights_of(exact);
  const std::size_t count = weights.size();
  std::vector<double> spread(count), power(count);
  Gradients mean_error(count), mean(count), mean_truth(count);
  std::vector<LayerError> layers(count);
  for (int draw = 0; draw < draws; ++draw) {
    const std::uint64_t step = first + static_cast<std::uint64_t>(draw);
    exact_loss += pass(exact, batches[0], step, truth) / draws;
    coded_loss += pass(coded, batches[0], step, now) / draws;
    for (std::size_t k = 0; k < count; ++k) {
      if (draw == 0) layers[k].batch = squared_distance(truth[k], elsewhere[k]) / 2;
      for (Gradients* sums : {&mean_error, &mean, &mean_truth}) (*sums)[k].resize(truth[k].size());
      for (std::size_t i = 0; i < truth[k].size(); ++i) {
        mean_error[k][i] += (now[k][i] - truth[k][i]) / draws;
        mean[k][i] += now[k][i] / draws;
        mean_truth[k][i] += truth[k][i] / draws;
      }
      spread[k] += squared_distance(now[k], truth[k]) / draws;
    }
    progress.show("gradients", static_cast<double>(draw + 1) / draws);
  }
  for (std::size_t k = 0; k < count; ++k) {
    LayerError& layer = layers[k];
    layer.layer = layer_of(*weights[k]);
    layer.weights = weights[k]->value.elements();
    const double length = dot(mean_truth[k], mean_truth[k]);
    const double scale = length > 0 ? 1 / length : 0;
    // The mean of n draws still has an n-th of the variance of one.
    const double of_mean = dot(mean_error[k], mean_error[k]);
    const double variance = (spread[k] - of_mean) * draws / (draws - 1);
    layer.batch *= scale;
    layer.random = variance * scale;
    layer.fixed = (of_mean - variance / draws) * scale;
    const double lengths = std::sqrt(dot(mean[k], mean[k]) * length);
    layer.cosine = lengths > 0 ? dot(mean[k], mean_truth[k]) / lengths : 0;
  }
  return layers;
}

void Study::print_table(const std::vector<LayerError>& layers) const {
  std::size_t width = 16;
  for (const LayerError& one : layers) width = std::max(width, one.layer.size());
  const auto name = [&](const std::string& text) {
    return text + std::string(width - std::min(width, text.size()), ' ');
  };
  std::cout << name("layer") << "   weights    batch   random    fixed  cosine\n";
  for (const LayerError& one : layers)
    std::cout << name(one.layer)
              << format_text("%10lld %8.4f %8.4f %8.4f  %6.3f\n",
                             static_cast<long long>(one.weights), one.batch, one.random, one.fixed,
                             one.cosine);
  std::cout << format_text("loss of the batch: %.4f, in float32 %.4f", coded_loss, exact_loss)
            << std::endl;
}

int Study::work() {
  catch_interrupts();
  std::cout << options.model << " in " << precision << ", " << (flows ? "codes" : "float32")
            << " between layers, beside float32; two batches of " << options.batch
            << " training pictures, " << draws << " draws, " << threads()
            << (threads() == 1 ? " thread" : " threads")
            << "\nshares of the squared length of the float32 gradient:\n"
            << std::endl;
  const std::vector<LayerError> layers = measure();
  print_table(layers);
  if (options.common.json) {
    Json list = Json::array();
    for (const LayerError& one : layers)
      list.push_back({{"layer", one.layer},
                      {"weights", one.weights},
                      {"batch", one.batch},
                      {"random", one.random},
                      {"fixed", one.fixed},
                      {"cosine", one.cosine}});
    std::cout << Json{{"precision", precision},
                      {"loss", coded_loss},
                      {"float32_loss", exact_loss},
                      {"layers", list}}
                     .dump()
              << std::endl;
  }
  return 0;
}

}  // namespace

void add_gradients(CLI::App& program, Work& work) {
  CLI::App& verb = *program.add_subcommand(
      "gradients", "how far gradients in few bits are from those in float32, layer by layer");
  const auto options = std::make_shared<GradientsOptions>();
  GradientsOptions& o = *options;
  verb.add_option("MODEL", o.model, "model file of octet train")->required();
  add_data_options(verb, o.data);
  verb.add_option(
      "--precision", o.precision,
      "recipe, with rules or without, or formats by role; the model's own unless given");
  add_bfloat16_option(verb, o.simulate_bfloat16);
  verb.add_option("--batch", o.batch, "pictures of each of the two batches")
      ->check(within(1, 65536))
      ->capture_default_str();
  verb.add_option("--settle", o.settle,
                  "passes before, in which ranges that are moving averages settle")
      ->check(within(0, 10000))
      ->capture_default_str();
  add_augment_option(verb, o.augment);
  add_common_options(verb, o.common);
  verb.footer(
      "batch: the variance of a batch's gradient, which training has anyway; random: that of the\n"
      "roundings; fixed: what is left when they are averaged, such as clipping and rounding to "
      "the\n"
      "nearest. Weights stay as they are and nothing is written.\n"
      "Examples:\n"
      "  octet gradients runs/strokes-lenet5-int8/last.octet --data strokes\n"
      "  octet gradients last.octet --data cifar10 --precision 'int8;first:float32'");
  verb.callback([&work, options] {
    work = [options] {
      use_threads(options->common);
      return Study(*options).work();
    };
  });
}

}  // namespace octet::cli

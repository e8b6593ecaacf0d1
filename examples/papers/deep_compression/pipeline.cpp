#include "examples/papers/deep_compression/pipeline.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "examples/networks/networks.h"
#include "examples/papers/common/claims.h"
#include "framework/check.h"
#include "layers/build.h"
#include "quant/compression/model_file.h"
#include "quant/compression/pruning.h"
#include "quant/numbers/precision.h"

namespace octet::papers {
namespace {

std::string layer_of(const std::string& parameter) {
  return parameter.substr(0, parameter.rfind('.'));
}

const LayerChoice& choice(const Recipe& recipe, const Parameter& parameter) {
  const auto found = std::find_if(
      recipe.layers.begin(), recipe.layers.end(),
      [&](const LayerChoice& layer) { return layer.layer == layer_of(parameter.name); });
  check(found != recipe.layers.end(), Failure::usage, "no density and bits are given for ",
        parameter.name);
  return *found;
}

}  // namespace

Network lenet(const std::string& name, const Task& task, double dropout) {
  const auto classes = static_cast<std::int64_t>(task.train.classes.size());
  Definition definition = zoo_network(name, task.train.image, classes);
  if (dropout > 0) {
    std::vector<Spec> layers;
    for (const Spec& layer : definition.layers) {
      layers.push_back(layer);
      if (layer.kind == "relu")
        layers.push_back(Spec{.kind = "dropout"}.set("rate", fixed(dropout, 3)));
    }
    definition.layers = std::move(layers);
  }
  return build_network(definition);
}

Network train_dense(const std::string& name, const Task& task, const Recipe& recipe,
                    std::uint64_t seed) {
  Network training = lenet(name, task, recipe.dropout);
  training.initialize(seed);
  train(training, task, recipe.dense, seed, "dense");
  Network network = lenet(name, task, 0);
  restore(save(training), network);
  return network;
}

void prune_layers(Network& network, const Recipe& recipe, double progress) {
  const double left = (1 - progress) * (1 - progress) * (1 - progress);
  for (Parameter* parameter : network.parameters()) {
    if (!parameter->is_weight) continue;
    const double density = choice(recipe, *parameter).density;
    prune(*parameter, density + (1 - density) * left);
  }
}

void prune_and_retrain(const std::string& name, Network& network, const Task& task,
                       const Recipe& recipe, std::uint64_t seed) {
  double before = 0, after = 0;
  for (const Parameter* parameter : network.parameters())
    if (parameter->is_weight) {
      const auto weights = static_cast<double>(parameter->value.elements());
      before += weights;
      after += weights * choice(recipe, *parameter).density;
    }
  Network retrained = lenet(name, task, recipe.dropout * std::sqrt(after / before));
  restore(save(network), retrained);
  const auto falling = std::max<std::int64_t>(
      1, static_cast<std::int64_t>(recipe.falling * static_cast<double>(recipe.prune.epochs)));
  train(retrained, task, recipe.prune, seed, "prune", [&](std::int64_t epoch) {
    if (epoch < falling)
      prune_layers(retrained, recipe,
                   static_cast<double>(epoch + 1) / static_cast<double>(falling));
  });
  if (recipe.prune.epochs == 0) prune_layers(retrained, recipe, 1);
  restore(save(retrained), network);
}

void share_layers(Network& network, const Recipe& recipe, Centroids centroids, std::uint64_t seed,
                  int bits) {
  for (Parameter* parameter : network.parameters()) {
    int wanted = bits;
    if (!parameter->is_weight) wanted = recipe.bias_bits;
    if (parameter->is_weight && bits == 0) wanted = choice(recipe, *parameter).bits;
    if (wanted <= 0) continue;
    // What is not pruned needs no symbol for fillers.
    const int filler = parameter->is_weight && density(parameter->value) == 1 ? 0 : 1;
    share(*parameter, (1 << wanted) - filler, centroids, seed);
  }
}

void tune_centroids(Network& network, const Task& task, const Recipe& recipe, std::uint64_t seed) {
  train(network, task, recipe.tune, seed, "tune");
}

Saved save(const Network& network) {
  Saved saved;
  for (const Parameter* parameter : network.parameters()) {
    saved.values.push_back(parameter->value);
    saved.constraints.push_back(parameter->constraints);
  }
  return saved;
}

void restore(const Saved& saved, Network& network) {
  const std::vector<Parameter*> parameters = network.parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    parameters[i]->value = saved.values[i];
    parameters[i]->constraints = saved.constraints[i];
  }
}

Model described_model(const Network& network, const Task& task) {
  Model model = network.snapshot();
  cli::describe(model, task.train, task.normalization, parse_precision("float32"), "cross-entropy");
  return model;
}

namespace {

std::vector<FixedFields> fixed_fields(const std::vector<TensorReport>& reports) {
  std::vector<FixedFields> fields;
  for (const TensorReport& report : reports) {
    // What is not pruned needs no index.
    const std::int64_t plain = 4 * report.elements;
    fields.push_back({std::min(plain, report.pruned_bytes), std::min(plain, report.shared_bytes),
                      report.index_bits});
  }
  return fields;
}

// The best of all widths, tensor by tensor.
std::vector<FixedFields> best_fields(const Model& model) {
  std::vector<FixedFields> best;
  for (int bits = 1; bits <= 8; ++bits) {
    std::vector<TensorReport> reports;
    encode(model, {.index_bits = bits, .coder = Coder::huffman}, &reports);
    const std::vector<FixedFields> fields = fixed_fields(reports);
    if (best.empty()) best = fields;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      best[i].pruned = std::min(best[i].pruned, fields[i].pruned);
      if (fields[i].shared >= best[i].shared) continue;
      best[i].shared = fields[i].shared;
      best[i].index_bits = fields[i].index_bits;
    }
  }
  return best;
}

}  // namespace

Encoded encode_and_decode(const Model& model, int index_bits) {
  EncodeOptions options{.index_bits = {}, .coder = Coder::huffman};
  if (index_bits > 0) options.index_bits = index_bits;
  Encoded encoded;
  const Timer encoding;
  const Bytes bytes = encode(model, options, &encoded.reports);
  encoded.encoding = encoding.elapsed();
  encoded.bytes = static_cast<std::int64_t>(bytes.size());
  encoded.fields = index_bits > 0 ? fixed_fields(encoded.reports) : best_fields(model);
  const Timer decoding;
  encoded.decoded = decode(bytes, "the compressed file");
  encoded.decoding = decoding.elapsed();
  check(encoded.decoded.definition == model.definition &&
            encoded.decoded.attributes == model.attributes &&
            encoded.decoded.tensors.size() == model.tensors.size(),
        Failure::mismatch, "the compressed file decodes to another definition");
  for (const auto& [name, tensor] : model.tensors) {
    const auto found = encoded.decoded.tensors.find(name);
    check(found != encoded.decoded.tensors.end() && same_bits(found->second, tensor),
          Failure::mismatch, "the compressed file decodes to another ", name);
  }
  return encoded;
}

StageBytes stage_bytes(const Encoded& encoded) {
  std::int64_t rest = encoded.bytes;
  for (const TensorReport& report : encoded.reports) rest -= report.payload_bytes;
  StageBytes bytes{rest, rest, encoded.bytes};
  for (std::size_t i = 0; i < encoded.reports.size(); ++i) {
    const TensorReport& report = encoded.reports[i];
    bytes.pruned += report.name.ends_with(".bias") ? 4 * report.elements : encoded.fields[i].pruned;
    bytes.shared += encoded.fields[i].shared;
  }
  return bytes;
}

double ratio(const Model& model, std::int64_t bytes) {
  return 4.0 * static_cast<double>(model.parameters()) / static_cast<double>(bytes);
}

}  // namespace octet::papers

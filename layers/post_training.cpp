#include "layers/post_training.h"

#include <algorithm>

#include "framework/check.h"
#include "layers/build.h"
#include "layers/flow.h"
#include "layers/fold_batch_norm.h"
#include "layers/watch_values.h"
#include "layers/weighted_layer.h"

namespace octet {
namespace {

Network float_network(const Model& model) {
  Network network = build_network(model.definition, model.parameters());
  network.restore(model);
  return network;
}

// Adds the images of a batch to the one image of their sum.
void add_images(const Tensor& batch, Tensor& sum) {
  const Shape image = batch.shape().without_front();
  if (sum.empty()) {
    sum.resize(image.with_front(1));
    sum.fill_zero();
  }
  const std::int64_t size = image.elements();
  for (std::int64_t i = 0; i < batch.elements(); ++i) sum.floats()[i % size] += batch.floats()[i];
}

// The mean over positions of what `layer` gives for one image, by filter.
std::vector<double> mean_outputs(WeightedLayer& layer, const Tensor& image) {
  const Tensor& output = layer.forward(image, {});
  const std::int64_t filters = output.shape().back(), positions = output.elements() / filters;
  std::vector<double> means(static_cast<std::size_t>(filters));
  for (std::int64_t i = 0; i < output.elements(); ++i)
    means[static_cast<std::size_t>(i % filters)] +=
        static_cast<double>(output.floats()[i]) / static_cast<double>(positions);
  return means;
}

// The layer's weight as codes; its bias without what these add on average.
void encode_layer(WeightedLayer& layer, const Calibration& calibration, const PostTraining& how,
                  Model& model) {
  const std::vector<Parameter*> parameters = layer.parameters();
  Tensor& weight = parameters[0]->value;
  Tensor codes, decoded;
  Quantizer(how.precision.weights).encode(weight, {}, codes);
  if (how.correct_biases && parameters.size() > 1) {
    decode(codes, decoded);
    for (std::int64_t i = 0; i < weight.elements(); ++i)
      weight.floats()[i] = decoded.floats()[i] - weight.floats()[i];
    parameters[1]->value.fill_zero();
    const std::vector<double> shifts =
        mean_outputs(layer, calibration.mean_inputs.at(layer.name()));
    Tensor& bias = model.tensors.at(parameters[1]->name);
    for (std::size_t k = 0; k < shifts.size(); ++k)
      bias.floats()[k] -= static_cast<float>(shifts[k]);
  }
  model.tensors[parameters[0]->name] = std::move(codes);
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void add_layers(const Layers& path, bool simulates, std::vector<std::string>& names) {
  for (const auto& layer : path) {
    for (const Branch& branch : layer->branches()) add_layers(*branch.layers, simulates, names);
    if (simulates ? has_ranges(*layer) : dynamic_cast<const WeightedLayer*>(layer.get()) != nullptr)
      names.push_back(layer->name());
  }
}

}  // namespace

Model float_model(const Model& model) {
  Model plain = float_network(model).snapshot();
  plain.attributes = model.attributes;
  plain.attributes["precision"] = "float32";
  for (const char* key : {"training", "float_layers"}) plain.attributes.erase(key);
  return fold_batch_norm(plain);
}

Calibration calibrate(const Model& model, const std::vector<Tensor>& batches,
                      const RangeOptions& how, const Format& activations) {
  const Network network = float_network(model);
  Calibration result;
  std::map<std::string, std::size_t> value_of;
  std::map<std::size_t, ValueRange> ranges;
  std::int64_t images = 0;
  for (const Tensor& batch : batches) {
    images += batch.shape()[0];
    watch_values(network, batch, [&](const Watched& seen) {
      value_of[seen.range] = seen.value;
      widen(ranges[seen.value], seen.reals);
      if (dynamic_cast<const WeightedLayer*>(&seen.layer))
        add_images(seen.reals, result.mean_inputs[seen.layer.name()]);
    });
  }
  for (auto& [name, sum] : result.mean_inputs)
    for (std::int64_t i = 0; i < sum.elements(); ++i) sum.floats()[i] /= static_cast<float>(images);
  if (how.method != RangeMethod::minmax) {
    std::map<std::size_t, Histogram> histograms;
    for (const auto& [value, range] : ranges) histograms.emplace(value, range);
    for (const Tensor& batch : batches)
      watch_values(network, batch,
                   [&](const Watched& seen) { histograms.at(seen.value).add(seen.reals); });
    for (auto& [value, range] : ranges)
      // Pixels have few values with gaps between: entropy would keep those that fill bins alone.
      if (value > 0 || how.method != RangeMethod::entropy)
        range = choose_range(histograms.at(value), how.method, activations, how.percentile);
  }
  for (const auto& [name, value] : value_of) {
    ValueRange& range = result.ranges[name] = ranges.at(value);
    // Values that are all zero are codes in any range; none would say that it is not known.
    if (range.least == 0 && range.most == 0) range.most = 1;
  }
  return result;
}

Model quantize(const Model& model, const Calibration& calibration, const PostTraining& how) {
  const Format& weights = how.precision.weights;
  check(weights.fits_int8_product() && !weights.scaling.outlier, Failure::usage,
        "weights of format ", print(weights),
        ": expected codes of at most 8 bits on a symmetric grid, without outliers");
  Model result = model;
  result.attributes["precision"] = print(how.precision);
  std::string names;
  for (const std::string& name : how.float_layers) names += (names.empty() ? "" : " ") + name;
  if (!names.empty()) result.attributes["float_layers"] = names;

  Network network = float_network(model);
  for (Layer* layer : network.leaves())
    if (auto* weighted = dynamic_cast<WeightedLayer*>(layer);
        weighted && !contains(how.float_layers, layer->name()))
      encode_layer(*weighted, calibration, how, result);

  set_precision(network, how.precision, how.float_layers);
  for (const auto& [name, tensor] : network.state()) {
    if (!name.ends_with("_range")) continue;
    const auto found = calibration.ranges.find(name);
    if (found != calibration.ranges.end()) {
      tensor->floats()[0] = found->second.least;
      tensor->floats()[1] = found->second.most;
    }
    result.tensors[name] = *tensor;
  }
  return result;
}

std::vector<std::string> quantized_layers(const Model& model, const Precision& precision) {
  std::vector<std::string> names;
  add_layers(build_network(model.definition, model.parameters()).layers(),
             simulates_codes(precision.activations), names);
  return names;
}

}  // namespace octet

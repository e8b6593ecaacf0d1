#include "quant/onnx/graph_parts.h"

#include <algorithm>

#include "framework/check.h"

namespace octet {

std::string add_node(OnnxGraph& graph, const std::string& op, const std::string& name,
                     std::vector<std::string> inputs,
                     std::map<std::string, OnnxAttribute> attributes) {
  graph.nodes.push_back({op, name, std::move(inputs), {name}, std::move(attributes)});
  return name;
}

std::string add_reals(OnnxGraph& graph, const std::string& name, std::vector<std::int64_t> dims,
                      const std::vector<float>& values) {
  graph.constants[name] =
      onnx_tensor(OnnxTensor::Type::float32, std::move(dims), values.data(), values.size());
  return name;
}

std::string add_pixels(OnnxGraph& graph, const Shape& image, const Normalization& normalization) {
  const std::int64_t channels = image.back();
  const auto size = static_cast<std::size_t>(channels);
  check(normalization.mean.size() == size && normalization.deviation.size() == size, Failure::usage,
        "network ", graph.name, ": expected ", channels, " means and deviations, got ",
        normalization.mean.size(), " and ", normalization.deviation.size());
  graph.inputs.push_back({.name = "pixels", .dims = {-1, channels, image[0], image[1]}});
  add_reals(graph, "pixels.most", {}, {255.0f});
  add_reals(graph, "pixels.mean", {1, channels, 1, 1}, normalization.mean);
  add_reals(graph, "pixels.deviation", {1, channels, 1, 1}, normalization.deviation);
  add_node(graph, "Div", "pixels.share", {"pixels", "pixels.most"});
  add_node(graph, "Sub", "pixels.centred", {"pixels.share", "pixels.mean"});
  return add_node(graph, "Div", "pixels.normalised", {"pixels.centred", "pixels.deviation"});
}

void add_metadata(OnnxGraph& graph, const std::map<std::string, std::string>& attributes) {
  for (const char* key : {"classes", "dataset", "mean", "deviation", "loss"}) {
    const auto found = attributes.find(key);
    if (found != attributes.end()) graph.metadata[key] = found->second;
  }
}

void finish_scores(OnnxGraph& graph, std::int64_t classes) {
  graph.nodes.back().outputs = {"scores"};
  graph.outputs.push_back({.name = "scores", .dims = {-1, classes}});
}

OnnxAttribute pads(std::int64_t top, std::int64_t left, std::int64_t bottom, std::int64_t right) {
  return std::vector<std::int64_t>{top, left, bottom, right};
}

std::map<std::string, OnnxAttribute> pool_attributes(std::int64_t window, std::int64_t stride,
                                                     const Shape& input, const Shape& output) {
  std::map<std::string, OnnxAttribute> attributes = {
      {"kernel_shape", std::vector<std::int64_t>{window, window}},
      {"strides", std::vector<std::int64_t>{stride, stride}}};
  const auto beyond = [&](int axis) {
    return std::max<std::int64_t>(0, (output[axis] - 1) * stride + window - input[axis]);
  };
  if (beyond(0) > 0 || beyond(1) > 0) attributes["pads"] = pads(0, 0, beyond(0), beyond(1));
  return attributes;
}

}  // namespace octet

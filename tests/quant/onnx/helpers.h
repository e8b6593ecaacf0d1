// What the tests of ONNX files share: models with numbers in every tensor, and their scores.
#pragma once

#include <optional>

#include "framework/check.h"
#include "layers/build.h"
#include "quant/onnx/graph_file.h"
#include "quant/onnx/onnx_file.h"
#include "tests/support.h"

namespace octet::test {

inline Normalization normalization_for(const Shape& image) {
  Normalization normalization;
  for (std::int64_t c = 0; c < image.back(); ++c) {
    normalization.mean.push_back(0.5f - 0.1f * static_cast<float>(c));
    normalization.deviation.push_back(0.25f + 0.1f * static_cast<float>(c));
  }
  return normalization;
}

/// Weights, biases, gammas of both signs, running statistics.
inline Model random_model(const std::string& definition, const std::string& precision = "float32") {
  Network network = build_network(parse_definition(definition, "test"));
  set_precision(network, parse_precision(precision));
  network.initialize(1);
  std::uint64_t key = 1;
  for (Parameter* parameter : network.parameters())
    if (!parameter->name.ends_with(".weight"))
      parameter->value = random_tensor(parameter->value.shape(), ++key, -0.8f, 1.2f);
  for (auto& [name, tensor] : network.state())
    if (name.find("running_") != std::string::npos)
      *tensor = random_tensor(tensor->shape(), ++key, 0.2f, 1.5f);
  Model model = network.snapshot();
  model.attributes = {{"precision", precision},
                      {"classes", "a\nb\nc"},
                      {"dataset", "letters"},
                      {"loss", "cross-entropy"}};
  return model;
}

inline Tensor scores_of(const Model& model) {
  Network network = build_network(model);
  return network.forward(random_tensor(network.input().with_front(4), 99), {});
}

/// The line of the Error(data) that reading ends with; empty without one.
inline std::string refusal(const Bytes& bytes) {
  try {
    read_onnx(bytes, "net.onnx");
  } catch (const Error& error) {
    CHECK(error.kind == Failure::data);
    const std::string line = error.what();
    CHECK(line.starts_with("net.onnx: "));
    CHECK(line.find('\n') == std::string::npos);
    return line;
  }
  return "";
}

}  // namespace octet::test

// Parts that every written graph has.
#pragma once

#include "quant/onnx/graph.h"
#include "quant/onnx/onnx_file.h"

namespace octet {

/// A GELU is written as x * Sigmoid(x * (linear + cubic * x^2)), with 2 sqrt(2 / pi) and that times
/// 0.044715.
constexpr float gelu_linear = 1.5957691f, gelu_cubic = 0.07135482f;

/// Adds a node of this name with one output of the same name; returns it.
std::string add_node(OnnxGraph& graph, const std::string& op, const std::string& name,
                     std::vector<std::string> inputs,
                     std::map<std::string, OnnxAttribute> attributes = {});

/// Adds a constant; returns its name.
std::string add_reals(OnnxGraph& graph, const std::string& name, std::vector<std::int64_t> dims,
                      const std::vector<float>& values);

/// The input `pixels` for images of shape H x W x C and the nodes that normalise them; returns the
/// name of what they give.
std::string add_pixels(OnnxGraph& graph, const Shape& image, const Normalization& normalization);

/// The names and numbers that a Model's attributes keep of where it came from.
void add_metadata(OnnxGraph& graph, const std::map<std::string, std::string>& attributes);

/// Renames the value that the last node makes to `scores`, N x K, and makes it the output.
void finish_scores(OnnxGraph& graph, std::int64_t classes);

/// Pads at the begin of rows and columns, then at their ends.
OnnxAttribute pads(std::int64_t top, std::int64_t left, std::int64_t bottom, std::int64_t right);

/// The attributes of a pool with square windows without padding. Windows that the edge cuts off
/// reach into padding at the end, which counts for nothing: exactly a maximum or a mean over what
/// lies inside.
std::map<std::string, OnnxAttribute> pool_attributes(std::int64_t window, std::int64_t stride,
                                                     const Shape& input, const Shape& output);

}  // namespace octet

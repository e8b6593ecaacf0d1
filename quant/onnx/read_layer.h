// From one node of a graph to one layer.
#pragma once

#include <utility>
#include <vector>

#include "framework/spec.h"
#include "framework/tensor.h"
#include "quant/onnx/known_values.h"

namespace octet {

/// What flows from node to node, for an image.
struct OnnxFlow {
  std::string name;
  Shape shape;        ///< H x W x C
  bool flat = false;  ///< N x (C H W) instead of N x C x H x W
};

struct OnnxLayer {
  Spec spec;  ///< without a kind where the node changes nothing
  std::string node;
  std::vector<std::pair<std::string, Tensor>> tensors;  ///< "weight", "bias", ...
};

/// Reads a node that takes `flow` alone, besides constants, and leaves there what it makes.
/// `batch` is the number of images where the file fixes it, else -1. Throws Error(data), naming the
/// node and the reason, for what no layer does.
OnnxLayer read_layer(const OnnxNode& node, const KnownValues& known, std::int64_t batch,
                     OnnxFlow& flow);

/// Adds the constant of an Add node behind a MatMul as its bias.
void read_bias(const OnnxNode& node, const OnnxTensor& bias, OnnxLayer& product);

/// float32 of this shape. Throws Error(data), naming the node, unless it has as many elements.
Tensor vector_of(const OnnxNode& node, const OnnxTensor& from, std::int64_t elements,
                 const char* what);

}  // namespace octet

// The windows of convolutions and pools in ONNX's words.
#pragma once

#include <array>

#include "framework/tensor.h"
#include "quant/onnx/graph.h"

namespace octet {

struct OnnxWindow {
  std::int64_t kernel = 1, stride = 1;
  std::array<std::int64_t, 4> pads{};  ///< top, left, bottom, right
};

/// Reads kernel_shape (that of a convolution's weights where `kernel` is not 0), strides, pads,
/// dilations and auto_pad of a node that takes images of shape H x W x C. Throws Error(data),
/// naming the node, unless windows are square and dense and at least one fits.
OnnxWindow read_window(const OnnxNode& node, OnnxAttributeReader& attributes, const Shape& input,
                       std::int64_t kernel);

}  // namespace octet

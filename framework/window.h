// The geometry of a convolution: what slides over what.
#pragma once

#include <cstdint>

#include "framework/tensor.h"

namespace octet {

/// Weights are K x kernel_h x kernel_w x C/groups. Output extent:
/// (extent + before + after - kernel) / stride + 1.
struct Window {
  std::int64_t kernel_h = 1, kernel_w = 1;
  std::int64_t stride = 1;
  std::int64_t pad_top = 0, pad_bottom = 0, pad_left = 0, pad_right = 0;
  std::int64_t groups = 1;

  std::int64_t output_h(std::int64_t h) const {
    return (h + pad_top + pad_bottom - kernel_h) / stride + 1;
  }
  std::int64_t output_w(std::int64_t w) const {
    return (w + pad_left + pad_right - kernel_w) / stride + 1;
  }
  bool operator==(const Window&) const = default;
};

/// N x OH x OW x K for an N x H x W x C input.
inline Shape convolution_shape(const Shape& input, const Shape& weight, const Window& window) {
  return {input[0], window.output_h(input[1]), window.output_w(input[2]), weight[0]};
}

/// Output rows or columns of a pool without padding. With `ceil_mode` the last windows may be cut
/// off at the edge, but one that would begin beyond it has nothing to pool; without it they are
/// dropped.
inline std::int64_t pool_extent(std::int64_t extent, std::int64_t window, std::int64_t stride,
                                bool ceil_mode) {
  const std::int64_t out = (extent - window + (ceil_mode ? stride - 1 : 0)) / stride + 1;
  return (out - 1) * stride >= extent ? out - 1 : out;
}

}  // namespace octet

// The inner loops of pooling on codes. Windows do not overlap and lie within the image.
#pragma once

#include <cstdint>

#include "framework/tensor.h"

namespace octet::kernels {

struct PoolGeometry {
  std::int64_t height, width, channels;  ///< of the input
  std::int64_t output_height, output_width;
  std::int64_t window_height, window_width, stride;
};

/// Largest codes of one image's windows and where in its window each was found: 0, 1, ...
/// row by row, the first of equals.
void max_pool_codes(const std::int8_t* x, const PoolGeometry& g, std::int8_t* y,
                    std::uint8_t* source);
void max_pool_codes(const std::uint8_t* x, const PoolGeometry& g, std::uint8_t* y,
                    std::uint8_t* source);

/// Each error to where its value came from, zero elsewhere; one image.
void max_pool_errors(const std::int8_t* error, const std::uint8_t* source, const PoolGeometry& g,
                     std::int8_t* passed);

/// Sums over the windows of one image; int8 or uint8 codes.
void sum_windows(const void* x, Element element, const PoolGeometry& g, std::int32_t* sums);

/// For each input the sum of the errors of the windows it lies in; one image.
void spread_windows(const std::int8_t* error, const PoolGeometry& g, std::int32_t* sums);

}  // namespace octet::kernels

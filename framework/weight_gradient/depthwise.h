// The weight gradient of a depthwise convolution, where every channel has one filter of its own:
// there is nothing to transpose, channels lie side by side in both operands.
#pragma once

#include <vector>

#include "framework/tensor.h"
#include "framework/window.h"

namespace octet::weight_gradient {

/// The same as compute for as many groups as input channels and filters.
void compute_depthwise(const Tensor& input, const Tensor& error, const Window& window,
                       const std::vector<float>& scales, Tensor& gradient,
                       std::int64_t* error_sums);

}  // namespace octet::weight_gradient

// Which kernel is in use.
#pragma once

#include "framework/tensor.h"
#include "framework/weight_gradient/kernel.h"
#include "framework/window.h"

namespace octet::weight_gradient {

/// The fastest kernel that oneDNN's instruction set covers and that passed its self-test.
const Kernel& selected();

/// weight_gradient::compute by one kernel.
void compute_by(const Kernel& kernel, const Tensor& input, const Tensor& error,
                const Window& window, const Shape& weight, const std::vector<float>& scales,
                Tensor& gradient, std::int64_t* error_sums);

}  // namespace octet::weight_gradient

// The products that layers ask for, whole tensors at a time. float32 operands go to oneDNN; codes
// give the exact int32 sums (framework/code_products.h, which hands them out in blocks).
#pragma once

#include "framework/tensor.h"
#include "framework/window.h"

namespace octet::products {

/// Output N x OH x OW x K of element float32 or int32; a bias (K) only with float32 operands.
void convolution(const Tensor& input, const Tensor& weight, const Tensor* bias,
                 const Window& window, Tensor& output);

/// dLoss/dInput; `input` is the input's shape.
void convolution_input_error(const Tensor& error, const Tensor& weight, const Window& window,
                             const Shape& input, Tensor& input_error);

/// dLoss/dWeight, float32; `weight` is the weight's shape. Of codes: the exact sums, rounded once.
void convolution_weight_gradient(const Tensor& input, const Tensor& error, const Window& window,
                                 const Shape& weight, Tensor& gradient);

/// C = op(A) op(B); op transposes where asked. float32 or int32.
void matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, Tensor& c);

}  // namespace octet::products

// The plain loops that define every product; fast paths are tested against them, to the bit where
// the elements are codes. Sums are int32 for int8 operands and double, rounded once, for float32.
// The first operand may also be uint8 where the second is int8.
#pragma once

#include "framework/tensor.h"
#include "framework/window.h"

namespace octet::reference {

/// N x H x W x C (*) K x KH x KW x C/groups -> N x OH x OW x K.
void convolution(const Tensor& input, const Tensor& weight, const Window& window, Tensor& output);

/// dLoss/dInput of the convolution; `input` is the input's shape.
void convolution_input_error(const Tensor& error, const Tensor& weight, const Window& window,
                             const Shape& input, Tensor& input_error);

/// dLoss/dWeight of the convolution; `weight` is the weight's shape.
void convolution_weight_gradient(const Tensor& input, const Tensor& error, const Window& window,
                                 const Shape& weight, Tensor& gradient);

/// C = op(A) op(B); op transposes where asked. A, B are matrices.
void matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, Tensor& c);

}  // namespace octet::reference

// The products that layers ask for, whole tensors at a time. Reals go to oneDNN; codes give the
// exact int32 sums (framework/code_products.h, which hands them out in blocks).
// Where an operand is bfloat16 the weight is float32 and rounded to it. Without bfloat16
// instructions the same operands are multiplied in float32 and the result is rounded as it would
// be with them.
#pragma once

#include "framework/bfloat16.h"
#include "framework/tensor.h"
#include "framework/window.h"

namespace octet::products {

/// Output N x OH x OW x K, int32 of codes; a bias (K) and `store` only with reals.
void convolution(const Tensor& input, const Tensor& weight, const Tensor* bias,
                 const Window& window, Tensor& output, const Store& store = {});

/// dLoss/dInput, of reals as `element`; `input` is the input's shape.
void convolution_input_error(const Tensor& error, const Tensor& weight, const Window& window,
                             const Shape& input, Tensor& input_error,
                             Element element = Element::float32);

/// dLoss/dWeight, float32; `weight` is the weight's shape. Of codes: the exact sums, rounded once.
void convolution_weight_gradient(const Tensor& input, const Tensor& error, const Window& window,
                                 const Shape& weight, Tensor& gradient);

/// C = op(A) op(B); op transposes where asked. float32 or int32.
void matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, Tensor& c);

// The three products of a linear layer on reals: N x C, weight K x C -> N x K.
void linear(const Tensor& input, const Tensor& weight, const Tensor* bias, Tensor& output,
            const Store& store);
void linear_input_error(const Tensor& error, const Tensor& weight, Tensor& input_error,
                        Element element);
void linear_weight_gradient(const Tensor& input, const Tensor& error, Tensor& gradient);

/// Whether products of bfloat16 run on bfloat16 instructions.
bool has_bfloat16();
/// Does without the instructions from here on; returns what was set before.
bool allow_bfloat16(bool allowed);

}  // namespace octet::products

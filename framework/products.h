// The products that layers ask for. float32 operands go to oneDNN. int8 operands, codes -127 ..
// 127, give the exact int32 sums on every CPU: oneDNN's int8 kernels where they pass a self-test
// against the plain loops, else float32 products of so few terms that they are exact.
#pragma once

#include <string>

#include "framework/tensor.h"
#include "framework/window.h"

namespace octet::products {

/// Output N x OH x OW x K of element float32 or int32; a bias (K) only with float32 operands.
void convolution(const Tensor& input, const Tensor& weight, const Tensor* bias,
                 const Window& window, Tensor& output);

/// dLoss/dInput; `input` is the input's shape.
void convolution_input_error(const Tensor& error, const Tensor& weight, const Window& window,
                             const Shape& input, Tensor& input_error);

/// dLoss/dWeight; `weight` is the weight's shape. int32 for codes, or float32 where the sum of all
/// positions could pass 2^31.
void convolution_weight_gradient(const Tensor& input, const Tensor& error, const Window& window,
                                 const Shape& weight, Tensor& gradient);

/// C = op(A) op(B); op transposes where asked. float32 or int32.
void matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, Tensor& c);

/// How products of int8 codes are computed on this machine; the self-test runs on the first call.
struct Paths {
  bool convolution = false;  ///< oneDNN's int8 convolution gave the plain loops' sums
  bool gemm = false;         ///< oneDNN's int8 matrix product gave the plain loops' sums
};
const Paths& paths();

/// "int8 kernels of oneDNN 2.6.3, AVX512_CORE_VNNI (self-test passed)", or what stands in.
std::string describe_paths();

/// Forces the exact fallback on or off, for tests; returns what was set before.
Paths override_paths(const Paths& paths);

}  // namespace octet::products

// The seam to oneDNN: products on plain tensors, stock primitives, no promise about int8 sums.
// Layers call framework/products.h, which keeps that promise. No oneDNN type appears here.
#pragma once

#include <string>

#include "framework/tensor.h"
#include "framework/window.h"

namespace octet::dnn {

/// float32 or int8 input and weight -> float32 or int32 output N x OH x OW x K, which the caller
/// has not sized. A bias (K, float32) only with float32.
void convolution(const Tensor& input, const Tensor& weight, const Tensor* bias,
                 const Window& window, Tensor& output);

/// float32 only.
void convolution_input_error(const Tensor& error, const Tensor& weight, const Window& window,
                             const Shape& input, Tensor& input_error);
void convolution_weight_gradient(const Tensor& input, const Tensor& error, const Window& window,
                                 const Shape& weight, Tensor& gradient);

/// A row-major matrix inside a larger array; `stride` elements from row to row.
struct Matrix {
  const void* data;
  std::int64_t stride;
  bool transpose;
};

/// C (m x n, contiguous) = op(A) op(B) [+ C].
void gemm(std::int64_t m, std::int64_t n, std::int64_t depth, const Matrix& a, const Matrix& b,
          bool accumulate, float* c);
/// The same for int8 x int8 -> int32.
void gemm_codes(std::int64_t m, std::int64_t n, std::int64_t depth, const Matrix& a,
                const Matrix& b, bool accumulate, std::int32_t* c);

/// What the processor can do for products of codes, as far as ONEDNN_MAX_CPU_ISA lets it; each
/// includes those before it.
enum class Isa { other, avx2, avx2_vnni, avx512, avx512_vnni, amx };
Isa isa();

/// "oneDNN 2.6.3, AVX512_CORE_VNNI"
std::string description();

}  // namespace octet::dnn

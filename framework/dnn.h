// The seam to oneDNN: products on plain tensors, stock primitives, no promise about int8 sums.
// Layers call framework/products.h, which keeps that promise. No oneDNN type appears here.
#pragma once

#include <memory>
#include <string>

#include "framework/tensor.h"
#include "framework/window.h"

namespace octet::dnn {

/// float32 input and weight -> output N x OH x OW x K; the bias (K) may be null.
void convolution(const Tensor& input, const Tensor& weight, const Tensor* bias,
                 const Window& window, Tensor& output);

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
/// The same for codes: A int8 or uint8, B int8, C int32.
void gemm_codes(std::int64_t m, std::int64_t n, std::int64_t depth, Element a_element,
                const Matrix& a, const Matrix& b, bool accumulate, std::int32_t* c);

/// A convolution of codes prepared for blocks of images of one shape. It runs on the thread that
/// calls it: threads work on different blocks at the same time.
class CodeConvolution {
 public:
  /// int8 or uint8 codes of shape `block` (n x H x W x C), int8 weights K x KH x KW x C/groups.
  CodeConvolution(Element input, const Shape& block, const Shape& weight, const Window& window);
  ~CodeConvolution();
  CodeConvolution(CodeConvolution&&) noexcept;

  /// Takes weights for the runs that follow.
  void load(const Tensor& weight);
  /// n x H x W x C codes -> n x OH x OW x K sums.
  void run(const void* input, std::int32_t* sums) const;

 private:
  struct Primitive;
  std::unique_ptr<Primitive> primitive_;
};

/// The prepared convolution for these shapes, made when it is first asked for.
CodeConvolution& code_convolution(Element input, const Shape& block, const Shape& weight,
                                  const Window& window);

/// Instruction sets that kernels of our own tell apart, each with all before it but that avx2_vnni
/// and avx512 do not have each other.
enum class Isa { plain, avx2, avx2_vnni, avx512, avx512_vnni, amx };

/// The most of what the CPU has and ONEDNN_MAX_CPU_ISA allows.
Isa isa();

/// "oneDNN 2.6.3, AVX512_CORE_VNNI"
std::string description();

}  // namespace octet::dnn

// The seam to oneDNN: products on plain tensors, stock primitives, no promise about int8 sums.
// Layers call framework/products.h, which keeps that promise. No oneDNN type appears here.
#pragma once

#include <memory>
#include <string>

#include "framework/bfloat16.h"
#include "framework/tensor.h"
#include "framework/window.h"

namespace octet::dnn {

// Operands are float32, or bfloat16 where has_bfloat16; weights are float32 and rounded to the
// element of the other operand. Gradients are float32.

/// N x H x W x C -> N x OH x OW x K; the bias (K, float32) may be null.
void convolution(const Tensor& input, const Tensor& weight, const Tensor* bias,
                 const Window& window, const Store& store, Tensor& output);
void convolution_input_error(const Tensor& error, const Tensor& weight, const Window& window,
                             const Shape& input, Element element, Tensor& input_error);
void convolution_weight_gradient(const Tensor& input, const Tensor& error, const Window& window,
                                 const Shape& weight, Tensor& gradient);

/// N x C, weight K x C -> N x K.
void linear(const Tensor& input, const Tensor& weight, const Tensor* bias, const Store& store,
            Tensor& output);
void linear_input_error(const Tensor& error, const Tensor& weight, Element element,
                        Tensor& input_error);
void linear_weight_gradient(const Tensor& input, const Tensor& error, Tensor& gradient);

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

/// Whether the CPU has products of bfloat16 and ONEDNN_MAX_CPU_ISA allows them. oneDNN computes
/// them without, but slower than float32.
bool has_bfloat16();

/// Instruction sets that kernels of our own tell apart, each with all before it but that avx2_vnni
/// and avx512 do not have each other.
enum class Isa { plain, avx2, avx2_vnni, avx512, avx512_vnni, amx };

/// The most of what the CPU has and ONEDNN_MAX_CPU_ISA allows.
Isa isa();

/// "oneDNN 2.6.3, AVX512_CORE_VNNI"
std::string description();

}  // namespace octet::dnn

// Products of 8-bit codes: exact int32 sums on every CPU, handed out in blocks while they are still
// in the cache, so that what becomes of them costs no pass over memory.
// Our own kernel or oneDNN's where they pass a self-test (framework/code_paths.h), else float32
// products of so few terms that they are exact.
#pragma once

#include <cstdint>
#include <functional>

#include "framework/tensor.h"
#include "framework/window.h"

namespace octet::products {

/// Takes the sums of images (or rows) first .. first + count - 1, contiguous, in the output's
/// layout. Called for each block once, on several threads at the same time.
using SumsBody =
    std::function<void(std::int64_t first, std::int64_t count, const std::int32_t* sums)>;

// A zero point of the input is taken off: sums are those of weight * (code - zero_point). Outliers
// of the weights count whole.

/// int8 or uint8 input N x H x W x C, int8 weights K x KH x KW x C/groups -> N x OH x OW x K sums.
void convolution_sums(const Tensor& input, const Tensor& weight, const Window& window,
                      const SumsBody& body);

/// int8 error N x OH x OW x K -> sums of the input's shape N x H x W x C.
void input_error_sums(const Tensor& error, const Tensor& weight, const Window& window,
                      const Shape& input, const SumsBody& body);

/// A (m x depth, int8 or uint8) times op(B) (int8) -> m rows of n sums; op transposes where asked.
void matmul_sums(const Tensor& a, const Tensor& b, bool transpose_b, const SumsBody& body);

/// C = op(A) op(B), int32: the exact product by the path that this machine takes.
/// `a_stride`, `b_stride`: elements from row to row as stored.
struct CodeMatrix {
  const void* data;
  Element element;  ///< int8, for A also uint8
  std::int64_t stride;
  bool transpose;
};
void gemm_exact(std::int64_t m, std::int64_t n, std::int64_t depth, const CodeMatrix& a,
                const CodeMatrix& b, bool accumulate, std::int32_t* c);

}  // namespace octet::products

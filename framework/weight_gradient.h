// The weight gradient of a convolution on 8-bit codes, exactly:
//   G[k, kh, kw, c] = scale[k] * sum over n, oh, ow of
//                     E[n, oh, ow, k] * A[n, oh * stride + kh - pad, ow * stride + kw - pad, c]
// where padding is the real 0 and a zero point z of A is taken off:
//   sum of E (A - z) = sum of E A - z (sum of E)
// The sum is an exact integer, rounded once to float32; it has the same bits on every
// instruction set and for any number of threads. Codes are transposed block by block, so that four
// neighbouring positions are what one dot-product instruction takes.
#pragma once

#include <string>
#include <vector>

#include "framework/tensor.h"
#include "framework/window.h"

namespace octet::weight_gradient {

/// `input` (N x H x W x C, int8, or uint8 with or without a zero point) and `error` (N x OH x OW x
/// K, int8) give `gradient` (float32) of shape `weight`, K x KH x KW x C/groups. One scale, or one
/// for each k. A linear layer is a 1 x 1 window over N x 1 x 1 x C. `error_sums`, unless null, gets
/// K sums of the error's codes. Memory is kept from call to call: only a larger shape allocates.
void compute(const Tensor& input, const Tensor& error, const Window& window, const Shape& weight,
             const std::vector<float>& scales, Tensor& gradient,
             std::int64_t* error_sums = nullptr);

/// Names of the kernels that this machine can run, the fastest first; the last runs anywhere.
std::vector<std::string> kernels();

/// The kernel in use: the first that gave the plain loops' sums in a self-test on the first call.
std::string kernel();

/// Puts the kernel of that name in use, for tests; returns the one before.
std::string override_kernel(const std::string& name);

}  // namespace octet::weight_gradient

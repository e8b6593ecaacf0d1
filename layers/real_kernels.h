// Addition, ReLU and its mask on float32 or bfloat16 tensors, in one pass. The result may be the
// first operand.
#pragma once

#include "framework/bfloat16.h"

namespace octet::kernels {

/// y = x + addend (null: nothing), then what is below zero becomes zero where `rectify` says so.
void finish_outputs(const Tensor& x, const Tensor* addend, bool rectify, Tensor& y);

/// y = e + addend (null: nothing), then zero where `outputs` (null: nowhere) of a ReLU are not
/// positive: the error at its input.
void finish_errors(const Tensor& e, const Tensor* addend, const Tensor* outputs, Tensor& y);

/// NaN stays NaN, so that a diverged training is seen.
[[gnu::always_inline]] inline float rectified(float x) { return x < 0.0f ? 0.0f : x; }

}  // namespace octet::kernels

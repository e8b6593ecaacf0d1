#include "layers/activations.h"

#include "framework/parallel.h"

namespace octet {
namespace {

constexpr std::int64_t grain = 1 << 15;

OCTET_KERNEL void relu(const float* x, std::int64_t begin, std::int64_t end, float* y) {
  // NaN stays NaN, so that a diverged training is seen.
  for (std::int64_t i = begin; i < end; ++i) y[i] = x[i] < 0.0f ? 0.0f : x[i];
}

OCTET_KERNEL void mask(const float* y, const float* error, std::int64_t begin, std::int64_t end,
                       float* passed) {
  for (std::int64_t i = begin; i < end; ++i) passed[i] = y[i] > 0.0f ? error[i] : 0.0f;
}

}  // namespace

std::unique_ptr<Layer> Relu::from(SpecReader&) { return std::make_unique<Relu>(); }

const Tensor& Relu::forward(const Tensor& input, const Pass&) {
  if (absorbed_) return input;
  output_.resize(input.shape());
  parallel_for(input.elements(), grain, [&](std::int64_t begin, std::int64_t end) {
    relu(input.floats(), begin, end, output_.floats());
  });
  return output_;
}

const Tensor& Relu::backward(const Tensor& error, const Pass&) {
  if (absorbed_) return error;
  passed_.resize(error.shape());
  parallel_for(error.elements(), grain, [&](std::int64_t begin, std::int64_t end) {
    mask(output_.floats(), error.floats(), begin, end, passed_.floats());
  });
  return passed_;
}

}  // namespace octet

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

OCTET_KERNEL void relu_codes(const std::int8_t* x, std::int64_t begin, std::int64_t end,
                             std::int8_t* y) {
  for (std::int64_t i = begin; i < end; ++i) y[i] = x[i] < 0 ? std::int8_t{0} : x[i];
}

OCTET_KERNEL void mask_codes(const std::int8_t* y, const std::int8_t* error, std::int64_t begin,
                             std::int64_t end, std::int8_t* passed) {
  for (std::int64_t i = begin; i < end; ++i) passed[i] = y[i] > 0 ? error[i] : std::int8_t{0};
}

}  // namespace

std::unique_ptr<Layer> Relu::from(SpecReader&) { return std::make_unique<Relu>(); }

const Tensor& Relu::forward(const Tensor& input, const Pass&) {
  if (absorbed_) return input;
  output_.resize(input.shape(), input.element());
  output_.scales = input.scales;
  parallel_for(input.elements(), grain, [&](std::int64_t begin, std::int64_t end) {
    if (input.element() == Element::int8) {
      relu_codes(input.data<std::int8_t>(), begin, end, output_.data<std::int8_t>());
    } else {
      relu(input.floats(), begin, end, output_.floats());
    }
  });
  return output_;
}

const Tensor& Relu::backward(const Tensor& error, const Pass&) {
  if (absorbed_) return error;
  passed_.resize(error.shape(), error.element());
  passed_.scales = error.scales;
  parallel_for(error.elements(), grain, [&](std::int64_t begin, std::int64_t end) {
    if (error.element() == Element::int8) {
      mask_codes(output_.data<std::int8_t>(), error.data<std::int8_t>(), begin, end,
                 passed_.data<std::int8_t>());
    } else {
      mask(output_.floats(), error.floats(), begin, end, passed_.floats());
    }
  });
  return passed_;
}

}  // namespace octet

#include "layers/gelu.h"

#include <algorithm>

#include "framework/bfloat16.h"
#include "framework/parallel.h"

namespace octet {
namespace {

constexpr float linear = 1.5957691f, cubic = 0.07135482f;  // 2u = linear x + cubic x^3

// As exponential(x) of framework/exponential.h, without branches; |x| is at most 80.
[[gnu::always_inline]] inline float bounded_exponential(float x) {
  // Adding 1.5 * 2^23 rounds to the nearest whole number n, which is then in the low bits.
  const float shifted = x * 1.44269504f + 12582912.0f;
  const float n = shifted - 12582912.0f;
  const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return p * std::bit_cast<float>((std::bit_cast<std::uint32_t>(shifted) + 127) << 23);
}

// 1 / (1 + e^(-2u)); beyond +-80 it is 1 or 0 as far as float32 can tell.
[[gnu::always_inline]] inline float gate(float x) {
  float twice = x * (linear + cubic * (x * x));
  twice = twice > 80.0f ? 80.0f : twice;
  twice = twice < -80.0f ? -80.0f : twice;
  return 1.0f / (1.0f + bounded_exponential(-twice));
}

template <class T>
[[gnu::always_inline]] inline void forward_loop(const T* x, std::int64_t begin, std::int64_t end,
                                                T* y) {
  for (std::int64_t i = begin; i < end; ++i) {
    const float value = to_float(x[i]);
    y[i] = from_float<T>(value * gate(value));
  }
}

template <class T>
[[gnu::always_inline]] inline void backward_loop(const T* x, const T* error, std::int64_t begin,
                                                 std::int64_t end, T* passed) {
  for (std::int64_t i = begin; i < end; ++i) {
    const float value = to_float(x[i]), s = gate(value);
    const float slope = s + value * (s * (1.0f - s)) * (linear + 3 * cubic * (value * value));
    // Far out value^2 is infinite where s (1 - s) is 0.
    const float bounded = value > 40.0f ? 1.0f : value < -40.0f ? 0.0f : slope;
    passed[i] = from_float<T>(to_float(error[i]) * bounded);
  }
}

OCTET_KERNEL void forward_kernel(const float* x, std::int64_t begin, std::int64_t end, float* y) {
  forward_loop(x, begin, end, y);
}
OCTET_KERNEL void forward_kernel(const std::uint16_t* x, std::int64_t begin, std::int64_t end,
                                 std::uint16_t* y) {
  forward_loop(x, begin, end, y);
}
OCTET_KERNEL void backward_kernel(const float* x, const float* error, std::int64_t begin,
                                  std::int64_t end, float* passed) {
  backward_loop(x, error, begin, end, passed);
}
OCTET_KERNEL void backward_kernel(const std::uint16_t* x, const std::uint16_t* error,
                                  std::int64_t begin, std::int64_t end, std::uint16_t* passed) {
  backward_loop(x, error, begin, end, passed);
}

}  // namespace

std::unique_ptr<Layer> Gelu::from(SpecReader&) { return std::make_unique<Gelu>(); }

const Tensor& Gelu::forward(const Tensor& input, const Pass&) {
  input_ = &input;
  output_.resize(input.shape(), input.element());
  with_reals(input.element(), [&](auto element) {
    using T = decltype(element);
    parallel_for(input.elements(), 1 << 14, [&](std::int64_t begin, std::int64_t end) {
      forward_kernel(input.data<T>(), begin, end, output_.data<T>());
    });
  });
  return output_;
}

const Tensor& Gelu::backward(const Tensor& error, const Pass&) {
  passed_.resize(error.shape(), error.element());
  with_reals(error.element(), [&](auto element) {
    using T = decltype(element);
    parallel_for(error.elements(), 1 << 14, [&](std::int64_t begin, std::int64_t end) {
      backward_kernel(input_->data<T>(), error.data<T>(), begin, end, passed_.data<T>());
    });
  });
  return passed_;
}

}  // namespace octet

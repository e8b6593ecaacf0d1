#include "layers/global_average_pool.h"

#include "framework/check.h"
#include "framework/parallel.h"
#include "layers/real_kernels.h"

namespace octet {
namespace {

// sums must be zero before.
template <class T>
OCTET_KERNEL void mean_kernel(const T* x, std::int64_t rows, std::int64_t channels, float share,
                              float* sums, T* mean) {
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < channels; ++c) sums[c] += to_float(x[r * channels + c]);
  for (std::int64_t c = 0; c < channels; ++c) mean[c] = from_float<T>(sums[c] * share);
}

template <class T>
OCTET_KERNEL void spread_kernel(const T* error, std::int64_t rows, std::int64_t channels,
                                float share, T* passed) {
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < channels; ++c)
      passed[r * channels + c] = from_float<T>(share * to_float(error[c]));
}

}  // namespace

std::unique_ptr<Layer> GlobalAveragePool::from(SpecReader&) {
  return std::make_unique<GlobalAveragePool>();
}

Shape GlobalAveragePool::connect(const Shape& input) {
  check(input.rank() == 3, Failure::usage, "a global_average_pool takes images, got ",
        print(input));
  input_ = input;
  return {1, 1, input[2]};
}

kernels::PoolGeometry GlobalAveragePool::geometry() const {
  return {.height = input_[0],
          .width = input_[1],
          .channels = input_[2],
          .output_height = 1,
          .output_width = 1,
          .window_height = input_[0],
          .window_width = input_[1],
          .stride = 1};
}

const Tensor& GlobalAveragePool::forward(const Tensor& given, const Pass& pass) {
  const Tensor& input = is_real(given.element()) ? codes_.simulated().forward(given, pass) : given;
  received_ = &input;
  if (!is_real(input.element())) {
    if (in_integers(pass, *input_quantizer())) {
      codes_.evaluate(input, geometry(), make_edge(name(), {1, 1, input_[2]}, *integer_),
                      integer_->rectify, output_);
      return output_;
    }
    codes_.forward(input, geometry(), outlet_, pass, output_);
    return output_;
  }
  const std::int64_t n = input.shape()[0], rows = input_[0] * input_[1], channels = input_[2];
  output_.resize({n, 1, 1, channels}, input.element());
  sums_.resize({n, channels});
  sums_.fill_zero();
  with_reals(input.element(), [&](auto element) {
    using T = decltype(element);
    parallel_for(n, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        mean_kernel(input.data<T>() + i * rows * channels, rows, channels,
                    1.0f / static_cast<float>(rows), sums_.floats() + i * channels,
                    output_.data<T>() + i * channels);
    });
  });
  return output_;
}

const Tensor& GlobalAveragePool::backward(const Tensor& error, const Pass& pass) {
  if (!is_real(received_->element())) {
    codes_.backward(error, *received_, geometry(), error_outlet_, pass, passed_);
    return passed_;
  }
  const std::int64_t n = error.shape()[0], rows = input_[0] * input_[1], channels = input_[2];
  passed_.resize(input_.with_front(n), error.element());
  with_reals(error.element(), [&](auto element) {
    using T = decltype(element);
    parallel_for(n, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        spread_kernel(error.data<T>() + i * channels, rows, channels,
                      1.0f / static_cast<float>(rows), passed_.data<T>() + i * rows * channels);
    });
  });
  kernels::finish_errors(passed_, nullptr, error_outlet_.mask ? received_ : nullptr, passed_);
  return codes_.simulated().backward(passed_, pass);
}

}  // namespace octet

#include "framework/reference.h"

#include <type_traits>

namespace octet::reference {
namespace {

template <class T>
using Sum = std::conditional_t<std::is_same_v<T, float>, double, std::int32_t>;
template <class T>
using Result = std::conditional_t<std::is_same_v<T, float>, float, std::int32_t>;

// Calls body(n, oh, ow, k, h, w, c_in_group, kh, kw) for every multiplication of the convolution.
template <class Body>
void each_product(const Shape& input, const Shape& weight, const Window& window, const Body& body) {
  const std::int64_t group_outputs = weight[0] / window.groups, group_inputs = weight[3];
  const std::int64_t output_h = window.output_h(input[1]), output_w = window.output_w(input[2]);
  for (std::int64_t n = 0; n < input[0]; ++n)
    for (std::int64_t oh = 0; oh < output_h; ++oh)
      for (std::int64_t ow = 0; ow < output_w; ++ow)
        for (std::int64_t k = 0; k < weight[0]; ++k)
          for (std::int64_t kh = 0; kh < window.kernel_h; ++kh)
            for (std::int64_t kw = 0; kw < window.kernel_w; ++kw) {
              const std::int64_t h = oh * window.stride + kh - window.pad_top;
              const std::int64_t w = ow * window.stride + kw - window.pad_left;
              if (h < 0 || h >= input[1] || w < 0 || w >= input[2]) continue;
              const std::int64_t first = k / group_outputs * group_inputs;
              for (std::int64_t c = 0; c < group_inputs; ++c) {
                const std::int64_t in = ((n * input[1] + h) * input[2] + w) * input[3] + first + c;
                const std::int64_t out = ((n * output_h + oh) * output_w + ow) * weight[0] + k;
                const std::int64_t at =
                    ((k * window.kernel_h + kh) * window.kernel_w + kw) * group_inputs + c;
                body(in, at, out);
              }
            }
}

template <class T>
void store(const std::vector<Sum<T>>& sums, const Shape& shape, Tensor& result) {
  result.resize(shape, std::is_same_v<T, float> ? Element::float32 : Element::int32);
  for (std::size_t i = 0; i < sums.size(); ++i)
    result.data<Result<T>>()[i] = static_cast<Result<T>>(sums[i]);
}

// `body(x, y, sums)` fills the sums of `shape`; x and y are the operands' elements.
template <class Body>
void product(const Tensor& x, const Tensor& y, const Shape& shape, Tensor& result,
             const Body& body) {
  assert((x.element() == Element::float32) == (y.element() == Element::float32));
  assert(y.outliers.empty());
  const auto size = static_cast<std::size_t>(shape.elements());
  if (y.element() == Element::int8) {
    std::vector<std::int32_t> sums(size);
    if (x.element() == Element::uint8) {
      body(x.data<std::uint8_t>(), y.data<std::int8_t>(), sums);
    } else {
      body(x.data<std::int8_t>(), y.data<std::int8_t>(), sums);
    }
    store<std::int8_t>(sums, shape, result);
  } else {
    std::vector<double> sums(size);
    body(x.floats(), y.floats(), sums);
    store<float>(sums, shape, result);
  }
}

}  // namespace

void convolution(const Tensor& input, const Tensor& weight, const Window& window, Tensor& output) {
  product(input, weight, convolution_shape(input.shape(), weight.shape(), window), output,
          [&](const auto* x, const auto* w, auto& sums) {
            using S = std::remove_reference_t<decltype(sums[0])>;
            each_product(input.shape(), weight.shape(), window,
                         [&](std::int64_t in, std::int64_t at, std::int64_t out) {
                           sums[static_cast<std::size_t>(out)] +=
                               static_cast<S>(x[in]) * static_cast<S>(w[at]);
                         });
          });
}

void convolution_input_error(const Tensor& error, const Tensor& weight, const Window& window,
                             const Shape& input, Tensor& input_error) {
  product(error, weight, input, input_error, [&](const auto* e, const auto* w, auto& sums) {
    using S = std::remove_reference_t<decltype(sums[0])>;
    each_product(
        input, weight.shape(), window, [&](std::int64_t in, std::int64_t at, std::int64_t out) {
          sums[static_cast<std::size_t>(in)] += static_cast<S>(e[out]) * static_cast<S>(w[at]);
        });
  });
}

void convolution_weight_gradient(const Tensor& input, const Tensor& error, const Window& window,
                                 const Shape& weight, Tensor& gradient) {
  product(input, error, weight, gradient, [&](const auto* x, const auto* e, auto& sums) {
    using S = std::remove_reference_t<decltype(sums[0])>;
    each_product(
        input.shape(), weight, window, [&](std::int64_t in, std::int64_t at, std::int64_t out) {
          sums[static_cast<std::size_t>(at)] += static_cast<S>(x[in]) * static_cast<S>(e[out]);
        });
  });
}

void matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, Tensor& c) {
  const std::int64_t m = a.shape()[transpose_a ? 1 : 0], depth = a.shape()[transpose_a ? 0 : 1];
  const std::int64_t n = b.shape()[transpose_b ? 0 : 1];
  const std::int64_t lda = a.shape()[1], ldb = b.shape()[1];
  product(a, b, Shape{m, n}, c, [&](const auto* x, const auto* y, auto& sums) {
    using S = std::remove_reference_t<decltype(sums[0])>;
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t j = 0; j < n; ++j)
        for (std::int64_t k = 0; k < depth; ++k)
          sums[static_cast<std::size_t>(i * n + j)] +=
              static_cast<S>(x[transpose_a ? k * lda + i : i * lda + k]) *
              static_cast<S>(y[transpose_b ? j * ldb + k : k * ldb + j]);
  });
}

}  // namespace octet::reference

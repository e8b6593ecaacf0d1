#include "framework/products.h"

#include <algorithm>

#include "framework/check.h"
#include "framework/code_products.h"
#include "framework/dnn.h"
#include "framework/profile.h"
#include "framework/weight_gradient.h"

namespace octet::products {
namespace {

// 2 for each multiply-accumulate: every output is a sum over a filter's weights.
double operations_of(const Shape& output, const Shape& weight) {
  return 2.0 * static_cast<double>(output.elements()) *
         static_cast<double>(weight.elements() / weight[0]);
}

bool of_codes(const Tensor& b) { return b.element() == Element::int8; }

// Gathers the blocks of a product of codes into one tensor of `shape`.
template <class Product>
void gather(const Shape& shape, Tensor& sums, const Product& product) {
  sums.resize(shape, Element::int32);
  const std::int64_t size = shape.elements() / shape[0];
  auto* const out = sums.data<std::int32_t>();
  product([&](std::int64_t first, std::int64_t count, const std::int32_t* block) {
    std::copy_n(block, count * size, out + first * size);
  });
}

}  // namespace

void convolution(const Tensor& input, const Tensor& weight, const Tensor* bias,
                 const Window& window, Tensor& output) {
  if (!of_codes(weight)) {
    const profile::Scope scope(
        profile::layer(), "forward", "float32 product",
        operations_of(convolution_shape(input.shape(), weight.shape(), window), weight.shape()));
    return dnn::convolution(input, weight, bias, window, output);
  }
  assert(!bias);
  gather(convolution_shape(input.shape(), weight.shape(), window), output,
         [&](const SumsBody& body) { convolution_sums(input, weight, window, body); });
}

void convolution_input_error(const Tensor& error, const Tensor& weight, const Window& window,
                             const Shape& input, Tensor& input_error) {
  if (!of_codes(weight)) {
    const profile::Scope scope(profile::layer(), "input error", "float32 product",
                               operations_of(error.shape(), weight.shape()));
    return dnn::convolution_input_error(error, weight, window, input, input_error);
  }
  gather(input, input_error,
         [&](const SumsBody& body) { input_error_sums(error, weight, window, input, body); });
}

void convolution_weight_gradient(const Tensor& input, const Tensor& error, const Window& window,
                                 const Shape& weight, Tensor& gradient) {
  if (of_codes(error))
    return weight_gradient::compute(input, error, window, weight, {1.0f}, gradient);
  const profile::Scope scope(profile::layer(), "weight gradient", "float32 product",
                             operations_of(error.shape(), weight));
  dnn::convolution_weight_gradient(input, error, window, weight, gradient);
}

void matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, Tensor& c) {
  const std::int64_t m = a.shape()[transpose_a ? 1 : 0], depth = a.shape()[transpose_a ? 0 : 1];
  const std::int64_t n = b.shape()[transpose_b ? 0 : 1];
  assert(depth == b.shape()[transpose_b ? 1 : 0]);
  const std::string_view pass = profile::pass();
  const profile::Scope scope(profile::layer(),
                             pass != "backward" ? pass
                             : transpose_a      ? "weight gradient"
                                                : "input error",
                             of_codes(b) ? "int8 product" : "float32 product",
                             2.0 * static_cast<double>(m * n) * static_cast<double>(depth));
  if (of_codes(b)) {
    c.resize({m, n}, Element::int32);
    gemm_exact(m, n, depth, {a.raw(), a.element(), a.shape()[1], transpose_a},
               {b.raw(), Element::int8, b.shape()[1], transpose_b}, false, c.data<std::int32_t>());
  } else {
    c.resize({m, n});
    dnn::gemm(m, n, depth, {a.raw(), a.shape()[1], transpose_a},
              {b.raw(), b.shape()[1], transpose_b}, false, c.floats());
  }
}

}  // namespace octet::products

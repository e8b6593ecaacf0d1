#include "framework/products.h"

#include <algorithm>

#include "framework/check.h"
#include "framework/code_products.h"
#include "framework/dnn.h"
#include "framework/weight_gradient.h"

namespace octet::products {
namespace {

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
  if (!of_codes(weight)) return dnn::convolution(input, weight, bias, window, output);
  assert(!bias);
  gather(convolution_shape(input.shape(), weight.shape(), window), output,
         [&](const SumsBody& body) { convolution_sums(input, weight, window, body); });
}

void convolution_input_error(const Tensor& error, const Tensor& weight, const Window& window,
                             const Shape& input, Tensor& input_error) {
  if (!of_codes(weight))
    return dnn::convolution_input_error(error, weight, window, input, input_error);
  gather(input, input_error,
         [&](const SumsBody& body) { input_error_sums(error, weight, window, input, body); });
}

void convolution_weight_gradient(const Tensor& input, const Tensor& error, const Window& window,
                                 const Shape& weight, Tensor& gradient) {
  if (of_codes(error))
    return weight_gradient::compute(input, error, window, weight, {1.0f}, gradient);
  dnn::convolution_weight_gradient(input, error, window, weight, gradient);
}

void matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, Tensor& c) {
  const std::int64_t m = a.shape()[transpose_a ? 1 : 0], depth = a.shape()[transpose_a ? 0 : 1];
  const std::int64_t n = b.shape()[transpose_b ? 0 : 1];
  assert(depth == b.shape()[transpose_b ? 1 : 0]);
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

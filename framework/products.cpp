#include "framework/products.h"

#include <algorithm>
#include <utility>

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

bool bfloat16_allowed = true;

bool runs(const Tensor& operand) { return operand.element() == Element::float32 || has_bfloat16(); }

// By the instructions that multiply.
std::string_view part_of(const Tensor& operand) {
  return operand.element() == Element::bfloat16 && has_bfloat16() ? "bfloat16 product"
                                                                  : "float32 product";
}

// What stands in for the operands of a product of bfloat16: float32 tensors with the same numbers.
struct Simulation {
  Tensor first, second, rounded, result;

  const Tensor& floats(const Tensor& operand, Tensor& held) {
    convert(operand, Element::float32, held);
    return held;
  }
  const Tensor& on_grid(const Tensor& weight) {
    convert(weight, Element::bfloat16, rounded);
    return floats(rounded, second);
  }
};

// Where a weight of float32 meets another operand.
template <class Product>
void forward(const Tensor& operand, const Tensor& weight, Element element, Tensor& result,
             const Product& product) {
  if (runs(operand)) return product(operand, weight, element, result);
  static thread_local Simulation simulation;
  product(simulation.floats(operand, simulation.first), simulation.on_grid(weight),
          Element::float32, simulation.result);
  convert(simulation.result, element, result);
}

template <class Product>
void gradient_of(const Tensor& input, const Tensor& error, const Product& product) {
  if (runs(input)) return product(input, error);
  static thread_local Simulation simulation;
  product(simulation.floats(input, simulation.first), simulation.floats(error, simulation.second));
}

profile::Scope open_scope(std::string_view pass, const Tensor& operand, double operations) {
  return profile::Scope(profile::layer(), pass, part_of(operand), operations);
}

double linear_operations(std::int64_t images, std::int64_t inputs, std::int64_t units) {
  return 2.0 * static_cast<double>(images * inputs) * static_cast<double>(units);
}

}  // namespace

bool has_bfloat16() { return bfloat16_allowed && dnn::has_bfloat16(); }

bool allow_bfloat16(bool allowed) { return std::exchange(bfloat16_allowed, allowed); }

void convolution(const Tensor& input, const Tensor& weight, const Tensor* bias,
                 const Window& window, Tensor& output, const Store& store) {
  const Shape shape = convolution_shape(input.shape(), weight.shape(), window);
  if (!of_codes(weight)) {
    const auto scope = open_scope("forward", input, operations_of(shape, weight.shape()));
    return forward(input, weight, store.element, output,
                   [&](const Tensor& x, const Tensor& w, Element element, Tensor& y) {
                     dnn::convolution(x, w, bias, window, {element, store.rectify}, y);
                   });
  }
  assert(!bias);
  gather(shape, output,
         [&](const SumsBody& body) { convolution_sums(input, weight, window, body); });
}

void convolution_input_error(const Tensor& error, const Tensor& weight, const Window& window,
                             const Shape& input, Tensor& input_error, Element result) {
  if (!of_codes(weight)) {
    const auto scope =
        open_scope("input error", error, operations_of(error.shape(), weight.shape()));
    return forward(error, weight, result, input_error,
                   [&](const Tensor& e, const Tensor& w, Element element, Tensor& passed) {
                     dnn::convolution_input_error(e, w, window, input, element, passed);
                   });
  }
  gather(input, input_error,
         [&](const SumsBody& body) { input_error_sums(error, weight, window, input, body); });
}

void convolution_weight_gradient(const Tensor& input, const Tensor& error, const Window& window,
                                 const Shape& weight, Tensor& gradient) {
  if (of_codes(error))
    return weight_gradient::compute(input, error, window, weight, {1.0f}, gradient);
  const auto scope = open_scope("weight gradient", input, operations_of(error.shape(), weight));
  gradient_of(input, error, [&](const Tensor& x, const Tensor& e) {
    dnn::convolution_weight_gradient(x, e, window, weight, gradient);
  });
}

void linear(const Tensor& input, const Tensor& weight, const Tensor* bias, Tensor& output,
            const Store& store) {
  const auto scope = open_scope(
      "forward", input, linear_operations(input.shape()[0], weight.shape()[1], weight.shape()[0]));
  forward(input, weight, store.element, output,
          [&](const Tensor& x, const Tensor& w, Element element, Tensor& y) {
            dnn::linear(x, w, bias, {element, store.rectify}, y);
          });
}

void linear_input_error(const Tensor& error, const Tensor& weight, Tensor& input_error,
                        Element result) {
  const auto scope =
      open_scope("input error", error,
                 linear_operations(error.shape()[0], weight.shape()[1], weight.shape()[0]));
  forward(error, weight, result, input_error,
          [&](const Tensor& e, const Tensor& w, Element element, Tensor& passed) {
            dnn::linear_input_error(e, w, element, passed);
          });
}

void linear_weight_gradient(const Tensor& input, const Tensor& error, Tensor& gradient) {
  const auto scope =
      open_scope("weight gradient", input,
                 linear_operations(input.shape()[0], input.shape()[1], error.shape()[1]));
  gradient_of(input, error, [&](const Tensor& x, const Tensor& e) {
    dnn::linear_weight_gradient(x, e, gradient);
  });
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

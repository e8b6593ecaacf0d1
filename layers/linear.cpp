#include "layers/linear.h"

#include "framework/check.h"
#include "framework/products.h"
#include "framework/text.h"
#include "framework/weight_gradient.h"
#include "layers/real_kernels.h"
#include "layers/scale_kernels.h"

namespace octet {
namespace {

// The same tensor under another shape; it is given back its own afterwards. Products take matrices,
// and a tensor cannot share its memory with another.
class Reshaped {
 public:
  Reshaped(const Tensor& tensor, const Shape& shape)
      : tensor_(const_cast<Tensor&>(tensor)), shape_(tensor.shape()) {
    tensor_.reshape(shape);
  }
  Reshaped(const Reshaped&) = delete;
  Reshaped& operator=(const Reshaped&) = delete;
  ~Reshaped() { tensor_.reshape(shape_); }
  const Tensor& operator*() const { return tensor_; }

 private:
  Tensor& tensor_;
  Shape shape_;
};

}  // namespace

Linear::Linear(const Options& options)
    : WeightedLayer(
          {.bias = options.bias, .initializer = options.initializer, .max_norm = options.max_norm}),
      options_(options) {}

std::unique_ptr<Layer> Linear::from(SpecReader& reader) {
  return std::make_unique<Linear>(Options{
      .units = reader.integer("units", 1, 1 << 20),
      .bias = reader.integer("bias", 0, 1, 1) == 1,
      .initializer = parse_initializer(reader.word("init", "he")),
      .max_norm = static_cast<float>(reader.real("max_norm", 0.0, 1e6, 0.0)),
  });
}

Spec Linear::spec() const {
  Spec spec{.kind = "linear"};
  spec.set("units", options_.units).set_unless("bias", options_.bias, true);
  if (options_.initializer != Initializer::he)
    spec.set("init", std::string(name_of(options_.initializer)));
  if (options_.max_norm > 0) spec.set("max_norm", shortest(options_.max_norm));
  return spec;
}

Shape Linear::connect(const Shape& input) {
  check(static_cast<double>(input.elements()) * static_cast<double>(options_.units) < 1e9,
        Failure::usage, "more than 10^9 weights");
  input_ = input;
  set_weight({options_.units, input.elements()}, input.elements(), options_.units);
  return {1, 1, options_.units};
}

void Linear::product(const Tensor& input, const Tensor& weight, const Tensor* bias,
                     const Store& store, Tensor& output) {
  const Reshaped x(input, {input.shape()[0], input_.elements()});
  const bool plain = input.element() == Element::float32 && store.element == Element::float32;
  if (plain) {
    products::matmul(*x, false, weight, true, output);
  } else {
    products::linear(*x, weight, bias, output, store);
  }
  output.reshape({input.shape()[0], 1, 1, options_.units});
  if (plain && bias) kernels::scale_columns(output, {1.0f}, bias, output);
  if (plain) kernels::finish_outputs(output, nullptr, store.rectify, output);
}

void Linear::input_error(const Tensor& error, const Tensor& weight, Element element,
                         Tensor& result) {
  const Reshaped e(error, {error.shape()[0], options_.units});
  if (error.element() == Element::float32 && element == Element::float32) {
    products::matmul(*e, false, weight, false, result);
  } else {
    products::linear_input_error(*e, weight, result, element);
  }
  result.reshape(input_.with_front(result.shape()[0]));
}

void Linear::weight_gradient(const Tensor& input, const Tensor& error, Tensor& result) {
  const Reshaped x(input, {input.shape()[0], input_.elements()});
  const Reshaped e(error, {error.shape()[0], options_.units});
  if (error.element() == Element::float32) {
    products::matmul(*e, true, *x, false, result);
  } else {
    products::linear_weight_gradient(*x, *e, result);
  }
}

void Linear::product_sums(const Tensor& input, const Tensor& weight,
                          const products::SumsBody& body) {
  const Reshaped x(input, {input.shape()[0], input_.elements()});
  products::matmul_sums(*x, weight, true, body);
}

void Linear::input_error_sums(const Tensor& error, const Tensor& weight,
                              const products::SumsBody& body) {
  const Reshaped e(error, {error.shape()[0], options_.units});
  products::matmul_sums(*e, weight, false, body);
}

void Linear::weight_gradient_of_codes(const Tensor& input, const Tensor& error,
                                      const std::vector<float>& scales, Tensor& gradient,
                                      std::int64_t* error_sums) {
  const std::int64_t images = error.shape()[0];
  const Reshaped x(input, {images, 1, 1, input_.elements()});
  const Reshaped e(error, {images, 1, 1, options_.units});
  const Shape flat = weight().value.shape();
  weight_gradient::compute(*x, *e, {}, {flat[0], 1, 1, flat[1]}, scales, gradient, error_sums);
  gradient.reshape(flat);
}

}  // namespace octet

#include "layers/convolution.h"

#include "framework/check.h"
#include "framework/products.h"
#include "framework/text.h"
#include "framework/weight_gradient.h"

namespace octet {

Convolution::Convolution(const Options& options)
    : WeightedLayer(
          {.bias = options.bias, .initializer = options.initializer, .max_norm = options.max_norm}),
      options_(options),
      window_{options.kernel,  options.kernel,  options.stride,  options.padding,
              options.padding, options.padding, options.padding, options.groups} {}

std::unique_ptr<Layer> Convolution::from(SpecReader& reader) {
  return std::make_unique<Convolution>(Options{
      .channels = reader.integer("channels", 1, 1 << 16),
      .kernel = reader.integer("kernel", 1, 1 << 10),
      .stride = reader.integer("stride", 1, 1 << 10, 1),
      .padding = reader.integer("padding", 0, 1 << 10, 0),
      .groups = reader.integer("groups", 1, 1 << 16, 1),
      .bias = reader.integer("bias", 0, 1, 1) == 1,
      .initializer = parse_initializer(reader.word("init", "he")),
      .max_norm = static_cast<float>(reader.real("max_norm", 0.0, 1e6, 0.0)),
  });
}

Spec Convolution::spec() const {
  Spec spec{.kind = "convolution"};
  spec.set("channels", options_.channels)
      .set("kernel", options_.kernel)
      .set_unless("stride", options_.stride, 1)
      .set_unless("padding", options_.padding, 0)
      .set_unless("groups", options_.groups, 1)
      .set_unless("bias", options_.bias, true);
  if (options_.initializer != Initializer::he)
    spec.set("init", std::string(name_of(options_.initializer)));
  if (options_.max_norm > 0) spec.set("max_norm", shortest(options_.max_norm));
  return spec;
}

Shape Convolution::connect(const Shape& input) {
  const std::int64_t k = options_.channels, size = options_.kernel, g = options_.groups;
  check(input.rank() == 3, Failure::usage, "a convolution takes images, got ", print(input));
  check(options_.padding < size, Failure::usage, "padding ", options_.padding,
        " must be below the kernel, ", size);
  check(input[2] % g == 0 && k % g == 0, Failure::usage, "groups ", g, " must divide the ",
        input[2], " channels that come and the ", k, " that go");
  check(input[0] + 2 * options_.padding >= size && input[1] + 2 * options_.padding >= size,
        Failure::usage, "a kernel of ", size, " with padding ", options_.padding,
        " does not fit an input of ", print(input));
  check(static_cast<double>(k) * static_cast<double>(size * size) *
                static_cast<double>(input[2] / g) <
            1e9,
        Failure::usage, "more than 10^9 weights");
  input_ = input;
  const std::int64_t patch = size * size * input[2] / g;
  set_weight({k, size, size, input[2] / g}, patch, k / g * size * size);
  output_ = {window_.output_h(input[0]), window_.output_w(input[1]), k};
  return output_;
}

void Convolution::product(const Tensor& input, const Tensor& weight, const Tensor* bias,
                          const Store& store, Tensor& output) {
  products::convolution(input, weight, bias, window_, output, store);
}

void Convolution::input_error(const Tensor& error, const Tensor& weight, Element element,
                              Tensor& result) {
  products::convolution_input_error(error, weight, window_, input_.with_front(error.shape()[0]),
                                    result, element);
}

void Convolution::weight_gradient(const Tensor& input, const Tensor& error, Tensor& result) {
  products::convolution_weight_gradient(input, error, window_, this->weight().value.shape(),
                                        result);
}

void Convolution::product_sums(const Tensor& input, const Tensor& weight,
                               const products::SumsBody& body) {
  products::convolution_sums(input, weight, window_, body);
}

void Convolution::input_error_sums(const Tensor& error, const Tensor& weight,
                                   const products::SumsBody& body) {
  products::input_error_sums(error, weight, window_, input_shape(error.shape()[0]), body);
}

void Convolution::weight_gradient_of_codes(const Tensor& input, const Tensor& error,
                                           const std::vector<float>& scales, Tensor& gradient,
                                           std::int64_t* error_sums) {
  weight_gradient::compute(input, error, window_, weight().value.shape(), scales, gradient,
                           error_sums);
}

}  // namespace octet

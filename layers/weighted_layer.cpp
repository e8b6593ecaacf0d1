#include "layers/weighted_layer.h"

#include <algorithm>

#include "framework/check.h"
#include "layers/scale_kernels.h"
#include "quant/numbers/on_grid.h"

namespace octet {
namespace {

std::vector<float> scaled(std::vector<float> scales, float factor) {
  for (float& scale : scales) scale *= factor;
  return scales;
}

}  // namespace

void WeightedLayer::set_weight(const Shape& shape, std::int64_t inputs, std::int64_t outputs) {
  weight_shape_ = shape;
  inputs_ = inputs;
  outputs_ = outputs;
}

std::int64_t WeightedLayer::parameter_count() const {
  return weight_shape_.elements() + (options_.bias ? weight_shape_[0] : 0);
}

void WeightedLayer::allocate() {
  weight_.name = name() + ".weight";
  bias_.name = name() + ".bias";
  bias_.is_weight = false;
  for (Parameter* parameter : {&weight_, &bias_})
    for (Tensor* tensor : {&parameter->value, &parameter->gradient}) {
      tensor->resize(parameter == &weight_ ? weight_shape_ : Shape{weight_shape_[0]});
      tensor->fill_zero();
    }
  set_precision(precision_);
}

void WeightedLayer::set_precision(const Precision& precision) {
  precision_ = precision;
  quantize_weights_ = Quantizer(precision.weights, name() + ".weights");
  quantize_activations_ = Quantizer(precision.activations, name() + ".activations");
  quantize_errors_ = Quantizer(precision.errors, name() + ".errors");
  quantize_gradients_ = Quantizer(precision.gradients, name() + ".gradients");
  std::erase_if(weight_.constraints, [](const auto& constraint) {
    return dynamic_cast<const OnGrid*>(constraint.get()) != nullptr;
  });
  if (!precision.master.is_float32())
    weight_.constraints.push_back(std::make_shared<OnGrid>(precision.master));
}

void WeightedLayer::initialize(std::uint64_t seed) {
  octet::initialize(weight_.value, options_.initializer, inputs_, outputs_, seed, weight_.name);
  bias_.value.fill_zero();
  for (const auto& constraint : weight_.constraints) constraint->project_value(weight_);
}

std::vector<Parameter*> WeightedLayer::parameters() {
  if (!options_.bias) return {&weight_};
  return {&weight_, &bias_};
}

std::vector<std::pair<std::string, Tensor*>> WeightedLayer::state() {
  if (!precision_.activations.scaling.smooth) return {};
  return {{name() + ".activation_range", &quantize_activations_.range()}};
}

// The operand as the product wants it: int8 codes as they are, or the same codes in float32.
const Tensor& WeightedLayer::operand(const Tensor& codes, bool as_integers, Tensor& floats) const {
  if (as_integers || (codes.element() == Element::float32 && codes.zero_point == 0)) return codes;
  floats.resize(codes.shape());
  const auto convert = [&](const auto* code) {
    for (std::int64_t i = 0; i < codes.elements(); ++i)
      floats.floats()[i] = static_cast<float>(code[i] - codes.zero_point);
  };
  switch (codes.element()) {
    case Element::int8:
      convert(codes.data<std::int8_t>());
      break;
    case Element::uint8:
      convert(codes.data<std::uint8_t>());
      break;
    default: {
      const auto zero = static_cast<float>(codes.zero_point);
      for (std::int64_t i = 0; i < codes.elements(); ++i)
        floats.floats()[i] = codes.floats()[i] - zero;
    }
  }
  floats.scales = codes.scales;
  return floats;
}

const Tensor& WeightedLayer::forward(const Tensor& input, const Pass& pass) {
  const Tensor* a = &input;
  const Tensor* w = &weight_.value;
  const bool integers = !simulated_ && precision_.activations.fits_int8_product() &&
                        precision_.weights.fits_int8_product();
  if (!precision_.activations.is_float32()) {
    quantize_activations_.encode(input, pass, activations_);
    a = &operand(activations_, integers, float_activations_);
  }
  if (!precision_.weights.is_float32()) {
    quantize_weights_.encode(weight_.value, pass, weights_);
    w = &operand(weights_, integers, float_weights_);
  }
  input_ = &input;
  const Tensor* bias = options_.bias ? &bias_.value : nullptr;
  const std::vector<float> scales = scaled(w->scales, a->scale());
  if (!integers && scales.size() == 1 && scales[0] == 1.0f) {
    product(*a, *w, bias, output_);
    return output_;
  }
  if (integers) {
    product(*a, *w, nullptr, sums_);
    kernels::scale_columns(sums_, scales, bias, output_);
  } else {
    product(*a, *w, nullptr, output_);
    kernels::scale_columns(output_, scales, bias, output_);
  }
  return output_;
}

const Tensor& WeightedLayer::backward(const Tensor& error, const Pass& pass) {
  const bool integer_errors = !simulated_ && precision_.errors.fits_int8_product();
  // Scales of the weight's channels cannot leave the sum over channels, E * W^T: they move into E
  // before it is encoded, and out of G afterwards.
  const Tensor& weight_codes = precision_.weights.is_float32() ? weight_.value : weights_;
  const bool folded = weight_codes.scales.size() > 1;
  const std::vector<float>* fold = folded ? &weight_codes.scales : nullptr;
  const Tensor* e = &error;
  if (!precision_.errors.is_float32() || folded) {
    if (folded && precision_.errors.grid.kind != Grid::Kind::integer) {
      kernels::scale_columns(error, weight_codes.scales, nullptr, float_errors_);
      quantize_errors_.encode(float_errors_, pass, errors_);
    } else {
      quantize_errors_.encode(error, pass, errors_, fold);
    }
    e = &errors_;
  }
  std::vector<float> gradient_scales{1.0f};
  if (folded) {
    gradient_scales = weight_codes.scales;
    for (float& scale : gradient_scales) scale = 1.0f / scale;
  }

  const bool integer_gradient = integer_errors && precision_.activations.fits_int8_product();
  const Tensor& activation_codes = precision_.activations.is_float32() ? *input_ : activations_;
  const Tensor& a = operand(activation_codes, integer_gradient, float_activations_);
  const Tensor& ge = operand(*e, integer_gradient, float_errors_);
  const std::vector<float> scales = scaled(gradient_scales, a.scale() * ge.scale());
  if (integer_gradient) {
    weight_gradient(a, ge, sums_);
    kernels::scale_rows(sums_, scales, weight_.gradient);
  } else {
    weight_gradient(a, ge, weight_.gradient);
    if (scales.size() > 1 || scales[0] != 1.0f)
      kernels::scale_rows(weight_.gradient, scales, weight_.gradient);
  }
  if (options_.bias)
    kernels::sum_rows(*e, bias_.value.elements(), scaled(gradient_scales, e->scale()),
                      bias_.gradient);
  if (!precision_.gradients.is_float32()) {
    quantize_gradients_.encode(weight_.gradient, pass, sums_);
    decode(sums_, weight_.gradient);
  }

  if (!wants_input_error_) {
    passed_.resize({0});
    return passed_;
  }
  const bool integer_passed = integer_errors && precision_.weights.fits_int8_product();
  const Tensor& pe = operand(*e, integer_passed, float_errors_);
  const Tensor& w = operand(weight_codes, integer_passed, float_weights_);
  const float scale = e->scale() * (folded ? 1.0f : w.scale());
  if (integer_passed) {
    input_error(pe, w, sums_);
    kernels::scale_columns(sums_, {scale}, nullptr, passed_);
  } else {
    input_error(pe, w, passed_);
    if (scale != 1.0f) kernels::scale_columns(passed_, {scale}, nullptr, passed_);
  }
  return passed_;
}

}  // namespace octet

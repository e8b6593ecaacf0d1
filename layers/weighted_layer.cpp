#include "layers/weighted_layer.h"

#include <algorithm>

#include "framework/check.h"
#include "framework/parallel.h"
#include "layers/batch_norm.h"
#include "layers/max_norm.h"
#include "layers/real_kernels.h"
#include "layers/scale_kernels.h"
#include "layers/simulated_codes.h"
#include "quant/numbers/on_grid.h"

namespace octet {
namespace {

std::vector<float> scaled(std::vector<float> scales, float factor) {
  for (float& scale : scales) scale *= factor;
  return scales;
}

// The sums of codes that float32 products made: whole numbers, handed out as a product of codes
// would.
void give_blocks(const Tensor& sums, const products::SumsBody& body) {
  const std::int64_t images = sums.shape()[0], image = sums.elements() / images;
  std::vector<std::int32_t> block(static_cast<std::size_t>(image));
  for (std::int64_t i = 0; i < images; ++i) {
    const float* from = sums.floats() + i * image;
    std::transform(from, from + image, block.begin(),
                   [](float x) { return static_cast<std::int32_t>(x); });
    body(i, 1, block.data());
  }
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
  if (options_.max_norm > 0)
    weight_.constraints.push_back(std::make_shared<MaxNorm>(options_.max_norm));
  set_precision(precision_);
}

void WeightedLayer::set_precision(const Precision& precision) {
  precision_ = precision;
  quantize_weights_ = Quantizer(precision.weights, name() + ".weights");
  quantize_activations_ = Quantizer(precision.activations, name() + ".activations");
  quantize_errors_ = Quantizer(precision.errors, name() + ".errors");
  quantize_gradients_ = Quantizer(precision.gradients, name() + ".gradients");
  const Format* const formats[] = {&precision.weights, &precision.activations, &precision.errors};
  const auto all = [&](auto holds) {
    return std::all_of(std::begin(formats), std::end(formats),
                       [&](const Format* format) { return holds(*format); });
  };
  operands_ = all(is_bfloat16) ? Element::bfloat16 : Element::float32;
  of_reals_ = operands_ == Element::bfloat16 ||
              all([](const Format& format) { return format.is_float32(); });
  for (Parameter* parameter : {&weight_, &bias_})
    std::erase_if(parameter->constraints, [](const auto& constraint) {
      return dynamic_cast<const OnGrid*>(constraint.get()) != nullptr;
    });
  weight_on_grid_ = bias_on_grid_ = nullptr;
  if (!precision.master.is_float32()) {
    weight_on_grid_ = std::make_shared<OnGrid>(precision.master, weight_.name);
    weight_.constraints.push_back(weight_on_grid_);
    // Biases accumulate too, where the grid has room for them.
    const Grid& grid = precision.master.grid;
    const bool roomy = (grid.kind == Grid::Kind::integer || grid.kind == Grid::Kind::posit) &&
                       grid.bits >= 8 && !precision.master.scaling.channel;
    if (roomy || (grid.kind == Grid::Kind::floating && !grid.is_float32())) {
      bias_on_grid_ = std::make_shared<OnGrid>(precision.master, bias_.name);
      bias_.constraints.push_back(bias_on_grid_);
    }
  }
  const FanInShift shift = fan_in_shift(precision.weights, inputs_);
  fan_in_ = precision.fan_in ? shift : FanInShift{};
  learned_scales_.clear();
  for (auto [quantizer, role] : {std::pair{&quantize_weights_, ".weight_scales"},
                                 std::pair{&quantize_activations_, ".activation_scales"}})
    if (quantizer->format().learns())
      learned_scales_.push_back(std::make_unique<LearnedScales>(*quantizer, name() + role));
}

void WeightedLayer::initialize(std::uint64_t seed) {
  octet::initialize(weight_.value, options_.initializer, inputs_, outputs_, seed, weight_.name);
  if (precision_.fan_in) {
    // Uniform within the limit of S=fan-in, and already what the products will see (Wu 2018).
    fill_uniform(weight_.value, fan_in_.limit, seed, weight_.name);
    Tensor on_grid;
    quantize_weights_.quantize(weight_.value, {}, on_grid);
    weight_.value = std::move(on_grid);
  }
  bias_.value.fill_zero();
  for (const auto& constraint : weight_.constraints) constraint->project_value(weight_);
}

std::vector<Parameter*> WeightedLayer::parameters() {
  std::vector<Parameter*> all{&weight_};
  if (options_.bias) all.push_back(&bias_);
  for (const auto& step : learned_scales_) all.push_back(&step->parameter());
  return all;
}

std::vector<std::pair<std::string, Tensor*>> WeightedLayer::state() {
  std::vector<std::pair<std::string, Tensor*>> all;
  // Scales that are learned are parameters.
  const auto add = [&](Quantizer& quantizer, const char* role) {
    if (quantizer.format().remembers() && !quantizer.format().learns())
      all.emplace_back(name() + role, &quantizer.range());
  };
  add(quantize_activations_, ".activation_range");
  add(quantize_errors_, ".error_range");
  add(quantize_weights_, ".weight_range");
  add(quantize_gradients_, ".gradient_range");
  if (weight_on_grid_) add(weight_on_grid_->quantizer(), ".master_range");
  if (bias_on_grid_ && options_.bias) add(bias_on_grid_->quantizer(), ".master_bias_range");
  return all;
}

Outlet WeightedLayer::error_inlet() {
  return {.quantizer = &quantize_errors_,
          .factors = precision_.weights.scaling.channel && weight_shape_[0] > 1 ? &weights_.scales
                                                                                : nullptr};
}

std::vector<std::pair<std::string, Quantizer*>> WeightedLayer::quantizers() {
  return {{"activations", &quantize_activations_}, {"errors", &quantize_errors_}};
}

// The same codes in float32, the zero point taken away.
const Tensor& WeightedLayer::as_floats(const Tensor& codes, Tensor& floats) const {
  if (is_real(codes.element()) && codes.zero_point == 0) return codes;
  floats.resize(codes.shape());
  const auto convert = [&](const auto* code) {
    const auto zero = static_cast<float>(codes.zero_point);
    parallel_for(codes.elements(), 1 << 14, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        floats.floats()[i] = static_cast<float>(code[i]) - zero;
    });
  };
  switch (codes.element()) {
    case Element::int8:
      convert(codes.data<std::int8_t>());
      break;
    case Element::uint8:
      convert(codes.data<std::uint8_t>());
      break;
    default:
      convert(codes.floats());
  }
  for (const Outlier& outlier : codes.outliers)
    floats.floats()[outlier.index] += static_cast<float>(outlier.excess);
  floats.scales = codes.scales;
  return floats;
}

const Tensor& WeightedLayer::as_operand(const Tensor& reals, Tensor& converted) const {
  if (reals.element() == operands_) return reals;
  convert(reals, operands_, converted);
  return converted;
}

LearnedScales* WeightedLayer::learned_scales(const Quantizer& of) {
  for (const auto& step : learned_scales_)
    if (&step->quantizer() == &of) return step.get();
  return nullptr;
}

void WeightedLayer::encode_weights(const Pass& pass) {
  LearnedScales* const learned = learned_scales(quantize_weights_);
  if (learned) learned->prepare();
  // Rounding stochastically belongs to training: evaluation takes what is accumulated into as it
  // is, which is already on the grid where M is (Courbariaux 2015, section 2.6). So does a pass
  // that takes statistics for evaluation.
  const bool as_stored = (!pass.training || pass.statistics_share > 0) &&
                         precision_.weights.rounding == Rounding::stochastic && !learned;
  if (as_stored)
    Quantizer().encode(weight_.value, pass, weights_);
  else
    quantize_weights_.encode(weight_.value, pass, weights_);
  if (learned) learned->accept(pass);
  for (float& scale : weights_.scales) scale /= fan_in_.divisor;
}

Tensor WeightedLayer::weights_in_float() {
  if (precision_.weights.is_float32()) return weight_.value;
  encode_weights({});
  Tensor reals;
  decode(weights_, reals);
  return reals;
}

// A: codes as they arrive, or of the float32 that arrives.
const Tensor& WeightedLayer::take_input(const Tensor& input, const Pass& pass) {
  input_ = &input;
  if (of_reals_) return as_operand(input, activations_);
  if (input.element() != Element::float32 || precision_.activations.is_float32()) return input;
  LearnedScales* const learned = learned_scales(quantize_activations_);
  if (learned) learned->prepare();
  quantize_activations_.encode(input, pass, activations_);
  if (learned) learned->accept(pass);
  return pass.observes_only ? input : activations_;
}

FusedProduct WeightedLayer::fuse(float input_scale, Edge& output, RequantRounding rounding) {
  encode_weights({});
  const auto filters = static_cast<std::size_t>(weight_shape_[0]);
  std::vector<double> factors(filters, 1.0), offsets(filters, 0.0);
  if (integer_->norm) integer_->norm->running_affine(factors, offsets);
  for (std::size_t k = 0; options_.bias && k < filters; ++k)
    offsets[k] += factors[k] * static_cast<double>(bias_.value.floats()[k]);
  try {
    FusedProduct fused = octet::fuse(weights_, factors, offsets, input_scale, output, rounding);
    if (!integer_->quantizer) output.scale *= integer_->factor;
    return fused;
  } catch (const Error& error) {
    fail(error.kind, "layer ", name(), ": ", error.what());
  }
}

// Sums and what follows them in the integers of quant/integer/integer_network.h.
void WeightedLayer::evaluate_integers(const Tensor& codes) {
  Edge edge = make_edge(name(), output_shape(1).without_front(), *integer_);
  const FusedProduct fused = fuse(codes.scale(), edge, RequantRounding::half_even);
  const Shape shape = output_shape(codes.shape()[0]);
  const std::int64_t image = shape.without_front().elements();
  const bool scores = edge.element == Element::int32;
  output_.resize(shape, scores ? Element::float32 : Element::uint8);
  const Requantizer requantizer =
      fused.requantizer(codes.zero_point, edge, integer_->rectify, RequantRounding::half_even);
  product_sums(
      codes, fused.weights, [&](std::int64_t first, std::int64_t count, const std::int32_t* sums) {
        const std::int64_t rows = count * image / shape.back();
        if (!scores)
          return requantizer.run(sums, rows, output_.data<std::uint8_t>() + first * image);
        static thread_local std::vector<std::int32_t> whole;
        whole.resize(static_cast<std::size_t>(count * image));
        requantizer.run(sums, rows, whole.data());
        std::transform(whole.begin(), whole.end(), output_.floats() + first * image,
                       [&](std::int32_t score) { return edge.scale * static_cast<float>(score); });
      });
  if (scores) return;
  output_.scales.assign(1, edge.scale);
  output_.zero_point = edge.zero_point;
}

const Tensor& WeightedLayer::forward(const Tensor& input, const Pass& pass) {
  const Tensor& a = take_input(input, pass);
  operand_ = &a;
  if (!is_real(a.element()) && in_integers(pass, quantize_activations_)) {
    evaluate_integers(a);
    return output_;
  }
  const Tensor* bias = options_.bias ? &bias_.value : nullptr;
  if (of_reals_) {
    const Tensor* addend = outlet_.addend;
    product(a, weight_.value, bias, {output_element_, outlet_.rectify && !addend}, output_);
    if (addend) kernels::finish_outputs(output_, addend, outlet_.rectify, output_);
    return output_;
  }
  if (!precision_.weights.is_float32()) encode_weights(pass);
  const Tensor& w = seen_weights();
  const std::vector<float> scales = scaled(w.scales, a.scale());
  if (!is_real(a.element()) && precision_.weights.fits_int8_product()) {
    std::span<const float> offsets;
    if (bias) offsets = {bias->floats(), static_cast<std::size_t>(bias->elements())};
    const auto run = [&](const products::SumsBody& body) {
      if (!simulated_) return product_sums(a, w, body);
      product(as_floats(a, float_activations_), as_floats(w, float_weights_), nullptr, {},
              simulated_sums_);
      give_blocks(simulated_sums_, body);
    };
    emission_.sums(outlet_, pass, output_shape(a.shape()[0]), scales, offsets, nullptr, run,
                   output_);
    return output_;
  }
  const Tensor& fa = as_floats(a, float_activations_);
  const Tensor& fw = as_floats(w, float_weights_);
  if (scales.size() == 1 && scales[0] == 1.0f) {
    product(fa, fw, bias, {}, output_);
  } else {
    product(fa, fw, nullptr, {}, output_);
    kernels::scale_columns(output_, scales, bias, output_);
  }
  return output_;
}

// E, with the scales of the weight's channels in it (they cannot leave the sum over channels,
// E * W^T): codes that arrive so are taken as they are.
const Tensor& WeightedLayer::take_error(const Tensor& error, const Pass& pass) {
  if (of_reals_) return as_operand(error, errors_);
  const Tensor& w = seen_weights();
  const std::vector<float>* fold = w.scales.size() > 1 ? &w.scales : nullptr;
  if (error.element() != Element::float32) {
    if (errors_folded_ || !fold) return error;
    emission_.codes(error_inlet(), pass, {&error, error.scales}, {}, {}, nullptr, errors_);
    return errors_;
  }
  if (precision_.errors.is_float32() && !fold) return error;
  if (fold &&
      (precision_.errors.grid.kind != Grid::Kind::integer || precision_.errors.holds_numbers())) {
    kernels::scale_columns(error, *fold, nullptr, float_errors_);
    if (precision_.errors.is_float32()) return float_errors_;
    quantize_errors_.encode(float_errors_, pass, errors_);
  } else {
    quantize_errors_.encode(error, pass, errors_, fold);
  }
  return errors_;
}

// G and the bias's gradient, out of which the folded scales are taken again.
void WeightedLayer::make_gradients(const Tensor& e, const Pass& pass) {
  const Tensor& w = seen_weights();
  std::vector<float> unfold{1.0f};
  if (w.scales.size() > 1) {
    unfold = w.scales;
    for (float& scale : unfold) scale = 1.0f / scale;
  }
  if (weight_.rate == 0) {
    if (options_.bias && bias_.rate != 0)
      kernels::sum_rows(e, bias_.value.elements(), scaled(unfold, e.scale()), bias_.gradient);
    return;
  }
  const std::vector<float> scales = scaled(unfold, operand_->scale() * e.scale());
  if (!simulated_ && products_of_codes(precision_.activations, precision_.errors)) {
    error_sums_.resize(static_cast<std::size_t>(weight_shape_[0]));
    weight_gradient_of_codes(*operand_, e, scales, weight_.gradient,
                             options_.bias ? error_sums_.data() : nullptr);
    for (std::int64_t k = 0; options_.bias && k < weight_shape_[0]; ++k)
      bias_.gradient.floats()[k] = unfold[unfold.size() > 1 ? static_cast<std::size_t>(k) : 0] *
                                   e.scale() *
                                   static_cast<float>(error_sums_[static_cast<std::size_t>(k)]);
  } else {
    weight_gradient(as_floats(*operand_, float_activations_), as_floats(e, float_errors_),
                    weight_.gradient);
    if (scales.size() > 1 || scales[0] != 1.0f)
      kernels::scale_rows(weight_.gradient, scales, weight_.gradient);
    if (options_.bias)
      kernels::sum_rows(e, bias_.value.elements(), scaled(unfold, e.scale()), bias_.gradient);
  }
  // Back through what made codes of the master weights.
  if (LearnedScales* const learned = learned_scales(quantize_weights_))
    learned->backward(weight_.value, weights_, weight_.gradient);
  if (precision_.weights.squashed) quantize_weights_.unsquash(weight_.value, weight_.gradient);
  if (!precision_.gradients.is_float32()) {
    const bool scaled_loss = pass.loss_scale != 1;
    if (scaled_loss)
      kernels::scale_columns(weight_.gradient, {1 / pass.loss_scale}, nullptr, weight_.gradient);
    quantize_gradients_.encode(weight_.gradient, pass, gradient_codes_);
    decode(gradient_codes_, weight_.gradient);
    if (scaled_loss)
      kernels::scale_columns(weight_.gradient, {pass.loss_scale}, nullptr, weight_.gradient);
  }
}

const Tensor& WeightedLayer::backward(const Tensor& error, const Pass& pass) {
  const Tensor& e = take_error(error, pass);
  make_gradients(e, pass);
  // A learned step of the input has its gradient from the error there.
  if (!wants_input_error_ && !learned_scales(quantize_activations_)) {
    passed_.resize({0});
    return passed_;
  }
  if (of_reals_) {
    input_error(e, weight_.value, input_->element(), passed_);
    kernels::finish_errors(passed_, error_outlet_.addend, error_outlet_.mask ? input_ : nullptr,
                           passed_);
    return passed_;
  }
  const Tensor& w = seen_weights();
  const float scale = e.scale() * (w.scales.size() > 1 ? 1.0f : w.scale());
  if (products_of_codes(precision_.errors, precision_.weights)) {
    const auto run = [&](const products::SumsBody& body) {
      if (!simulated_) return input_error_sums(e, w, body);
      input_error(as_floats(e, float_errors_), as_floats(w, float_weights_), Element::float32,
                  simulated_sums_);
      give_blocks(simulated_sums_, body);
    };
    emission_.sums(error_outlet_, pass, input_shape(e.shape()[0]), {&scale, 1}, {},
                   error_outlet_.mask ? input_ : nullptr, run, passed_);
  } else {
    input_error(as_floats(e, float_errors_), as_floats(w, float_weights_), Element::float32,
                passed_);
    if (scale != 1.0f) kernels::scale_columns(passed_, {scale}, nullptr, passed_);
  }
  // Back through what made codes of the reals that arrived.
  if (operand_ != &activations_) return passed_;
  if (LearnedScales* const learned = learned_scales(quantize_activations_))
    learned->backward(*input_, activations_, passed_);
  else if (simulates_codes(precision_.activations) || precision_.activations.stop)
    stop_clipped(*input_, activations_, precision_.activations, passed_, passed_);
  return passed_;
}

}  // namespace octet

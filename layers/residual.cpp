#include "layers/residual.h"

#include "framework/bfloat16.h"
#include "framework/check.h"
#include "framework/parallel.h"
#include "framework/profile.h"
#include "layers/real_kernels.h"
#include "quant/integer/addition.h"

namespace octet {
namespace {

FlowLayer& flow(const std::unique_ptr<Layer>& layer) { return static_cast<FlowLayer&>(*layer); }

Shape connect_path(const Layers& path, Shape shape) {
  for (const auto& layer : path) try {
      shape = layer->connect(shape);
      check(shape.elements() <= 1 << 27, Failure::usage, "an output of ", print(shape),
            " is more than 2^27 elements");
    } catch (const Error& error) {
      fail(error.kind, "layer ", layer->name(), ": ", error.what());
    }
  return shape;
}

const Tensor& forward_path(const Layers& path, const Tensor& input, const Pass& pass) {
  const Tensor* x = &input;
  for (const auto& layer : path) {
    const profile::Scope scope(layer->name(), "forward", "layer");
    x = &layer->forward(*x, pass);
  }
  return *x;
}

const Tensor& backward_path(const Layers& path, const Tensor& error, const Pass& pass) {
  const Tensor* e = &error;
  for (auto layer = path.rbegin(); layer != path.rend(); ++layer) {
    const profile::Scope scope((*layer)->name(), "backward", "layer");
    e = &(*layer)->backward(*e, pass);
  }
  return *e;
}

}  // namespace

Shape Residual::connect(const Shape& input) {
  const Shape main = connect_path(main_, input), shortcut = connect_path(shortcut_, input);
  check(main == shortcut, Failure::usage, "the main path gives ", print(main), ", the shortcut ",
        print(shortcut));
  return main;
}

std::int64_t Residual::parameter_count() const {
  std::int64_t count = 0;
  for (const Layers* path : {&main_, &shortcut_})
    for (const auto& layer : *path) count += layer->parameter_count();
  return count;
}

void Residual::allocate() {
  for (const Layers* path : {&main_, &shortcut_})
    for (const auto& layer : *path) layer->allocate();
}

void Residual::initialize(std::uint64_t seed) {
  for (const Layers* path : {&main_, &shortcut_})
    for (const auto& layer : *path) layer->initialize(seed);
}

FlowLayer::Role Residual::role() const {
  const bool flows = can_flow(main_) && (shortcut_.empty() || can_flow(shortcut_));
  if (!flows) return Role::stopper;
  // Nothing may stand between the makers at the ends and the addition, or the fork.
  const auto ends_are_makers = [](const Layers& path) {
    return path.empty() ||
           (first_maker(path) == path.front().get() && last_maker(path) == path.back().get());
  };
  const bool adds = first_maker(main_)->takes_addends() && last_maker(main_)->takes_addends();
  return ends_are_makers(main_) && ends_are_makers(shortcut_) && adds ? Role::maker : Role::stopper;
}

void Residual::set_flow_formats(const Format& activations, const Format& errors) {
  const bool simulates = simulates_codes(activations);
  const Format added = simulates ? activations : Format{};
  simulated_main_ = SimulatedCodes(added, name() + ".main.activations");
  simulated_shortcut_ = SimulatedCodes(added, name() + ".shortcut.activations");
  if (simulates) {
    input_ = errors_ = shortcut_outputs_ = shortcut_errors_ = Quantizer();
    return;
  }
  input_ = Quantizer(activations, name() + ".activations");
  errors_ = Quantizer(errors, name() + ".errors");
  shortcut_outputs_ = Quantizer(activations, name() + ".shortcut.activations");
  shortcut_errors_ = Quantizer(errors, name() + ".shortcut.errors");
}

void Residual::set_outlets(const Outlet& outputs, const Outlet& errors) {
  flowing_ = errors_are_codes_ = outputs.quantizer || errors.quantizer;
  if (!flowing_) return;
  plan_path(main_, outputs, errors);
  if (!shortcut_.empty())
    plan_path(shortcut_, {.quantizer = &shortcut_outputs_}, {.quantizer = &shortcut_errors_});
}

// Of reals only the main path needs makers at its ends.
bool Residual::rectifies_reals() const {
  return flow(main_.front()).takes_addends() && flow(main_.back()).takes_addends();
}

void Residual::set_real_outlets(const Outlet& outputs, const Outlet& errors) {
  flowing_ = rectifies_reals();
  errors_are_codes_ = false;
  plan_real_path(main_, outputs, errors);
  plan_real_path(shortcut_, {}, {});
}

Quantizer* Residual::input_quantizer() {
  // Both paths see the same codes, so they have one scale, whoever takes them.
  Quantizer* const first = first_maker(main_)->input_quantizer();
  return first->has_channels() ? &input_ : first;
}

std::vector<std::pair<std::string, Quantizer*>> Residual::quantizers() {
  std::vector<std::pair<std::string, Quantizer*>> used{{"errors", &errors_}};
  if (flowing_ && input_quantizer() == &input_) used.emplace_back("activations", &input_);
  if (!shortcut_.empty()) {
    used.emplace_back("shortcut activations", &shortcut_outputs_);
    used.emplace_back("shortcut errors", &shortcut_errors_);
  }
  return used;
}

const Tensor& Residual::forward(const Tensor& input, const Pass& pass) {
  if (flowing_) {
    const Tensor& shortcut = forward_path(shortcut_, input, pass);
    flow(main_.back()).set_output_addend(&shortcut);
    return forward_path(main_, input, pass);
  }
  if (simulated_main_.on() && in_integers(pass, main_codes()))
    return evaluate_integers(input, pass);
  const Tensor& main = simulated_main_.forward(forward_path(main_, input, pass), pass);
  const Tensor& shortcut = simulated_shortcut_.forward(forward_path(shortcut_, input, pass), pass);
  kernels::finish_outputs(main, &shortcut, false, output_);
  return output_;
}

const Tensor& Residual::evaluate_integers(const Tensor& input, const Pass& pass) {
  const Tensor* x = &input;
  if (is_real(input.element())) {
    input_quantizer()->encode(input, pass, input_codes_);
    x = &input_codes_;
  }
  const Tensor& main = forward_path(main_, *x, pass);
  const Tensor& shortcut = forward_path(shortcut_, *x, pass);
  const Edge edge = make_edge(name(), main.shape().without_front(), *integer_);
  const Addition addition(main.scale(), main.zero_point, shortcut.scale(), shortcut.zero_point,
                          edge, integer_->rectify, RequantRounding::half_even);
  output_.resize(main.shape(), Element::uint8);
  output_.scales.assign(1, edge.scale);
  output_.zero_point = edge.zero_point;
  parallel_for(main.elements(), 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    addition.run(main.data<std::uint8_t>() + begin, shortcut.data<std::uint8_t>() + begin,
                 end - begin, output_.data<std::uint8_t>() + begin);
  });
  return output_;
}

const Tensor& Residual::backward(const Tensor& error, const Pass& pass) {
  if (flowing_) {
    const Tensor* e = &error;
    if (error.element() == Element::float32 && errors_are_codes_) {
      errors_.encode(error, pass, error_codes_);
      e = &error_codes_;
    }
    const Tensor& shortcut = backward_path(shortcut_, *e, pass);
    flow(main_.front()).set_error_addend(&shortcut);
    return backward_path(main_, *e, pass);
  }
  const Tensor& main = backward_path(main_, simulated_main_.backward(error, pass), pass);
  const Tensor& shortcut =
      backward_path(shortcut_, simulated_shortcut_.backward(error, pass), pass);
  if (wants_input_error_) {
    kernels::finish_errors(main, &shortcut, nullptr, passed_);
  } else {
    passed_.resize({0});
  }
  return passed_;
}

std::vector<Parameter*> Residual::parameters() {
  std::vector<Parameter*> all;
  for (const Layers* path : {&main_, &shortcut_})
    for (const auto& layer : *path)
      for (Parameter* parameter : layer->parameters()) all.push_back(parameter);
  return all;
}

std::vector<std::pair<std::string, Tensor*>> Residual::state() {
  std::vector<std::pair<std::string, Tensor*>> all;
  for (const Layers* path : {&main_, &shortcut_})
    for (const auto& layer : *path)
      for (auto& entry : layer->state()) all.push_back(entry);
  const auto add_range = [&](const char* of, Quantizer& quantizer) {
    if (quantizer.format().scaling.smooth) all.emplace_back(name() + "." + of, &quantizer.range());
  };
  add_range("activation_range", input_);
  add_range("error_range", errors_);
  add_range("shortcut_activation_range", shortcut_outputs_);
  add_range("shortcut_error_range", shortcut_errors_);
  add_range("main_activation_range", simulated_main_.quantizer());
  add_range("shortcut_activation_range", simulated_shortcut_.quantizer());
  return all;
}

std::vector<Branch> Residual::branches() const {
  if (shortcut_.empty()) return {{&main_, "end"}};
  return {{&main_, "shortcut"}, {&shortcut_, "end"}};
}

void Residual::want_input_error(bool wanted) {
  Layer::want_input_error(wanted);
  for (const Layers* path : {&main_, &shortcut_})
    if (!path->empty()) path->front()->want_input_error(wanted);
}

}  // namespace octet

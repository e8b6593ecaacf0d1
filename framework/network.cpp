#include "framework/network.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "framework/check.h"
#include "framework/layer_names.h"
#include "framework/profile.h"

namespace octet {
namespace {

// Names the layers that have no name; `names` collects all of them.
void name_all(const Layers& layers, AutomaticNames& automatic, std::vector<std::string>& names) {
  for (const auto& layer : layers) {
    const std::string usual = automatic.next(layer->spec().kind);
    if (layer->name().empty()) layer->set_name(usual);
    names.push_back(layer->name());
    for (const Branch& branch : layer->branches()) name_all(*branch.layers, automatic, names);
  }
}

void add_saturation(const Layers& layers, std::vector<Saturation>& all) {
  for (const auto& layer : layers) {
    for (Saturation& counted : layer->take_saturation()) all.push_back(std::move(counted));
    for (const Branch& branch : layer->branches()) add_saturation(*branch.layers, all);
  }
}

void add_leaves(const Layers& layers, std::vector<Layer*>& leaves) {
  for (const auto& layer : layers) {
    const std::vector<Branch> branches = layer->branches();
    if (branches.empty()) leaves.push_back(layer.get());
    for (const Branch& branch : branches) add_leaves(*branch.layers, leaves);
  }
}

void add_specs(const Layers& layers, AutomaticNames& automatic, std::vector<Spec>& specs) {
  for (const auto& layer : layers) {
    specs.push_back(layer->spec());
    if (layer->name() != automatic.next(layer->spec().kind))
      specs.back().set("name", layer->name());
    for (const Branch& branch : layer->branches()) {
      add_specs(*branch.layers, automatic, specs);
      specs.push_back({.kind = std::string(branch.closing)});
    }
  }
}

// Reads `tensor` out of the model into `target`, which has the expected shape. What is stored as
// codes becomes the reals that these stand for.
void take(const Model& model, const std::string& name, Tensor& target) {
  const auto found = model.tensors.find(name);
  check(found != model.tensors.end(), Failure::data, "the model of ", model.definition.name,
        " lacks the tensor ", name);
  const Tensor& stored = found->second;
  const bool codes = stored.element() == Element::int8 && is_parameter(name);
  check(stored.shape() == target.shape() && (codes || stored.element() == target.element()),
        Failure::data, "tensor ", name, ": expected ", print(target.shape()), " ",
        name_of(target.element()), ", got ", print(stored.shape()), " ", name_of(stored.element()));
  if (codes) {
    check(std::all_of(stored.scales.begin(), stored.scales.end(),
                      [](float scale) { return std::isfinite(scale) && scale > 0; }),
          Failure::data, "tensor ", name, ": expected positive scales");
    decode(stored, target);
  } else {
    target = stored;
  }
}

}  // namespace

Network::Network(std::string name, const Shape& input, Layers layers, std::int64_t parameters)
    : name_(std::move(name)), input_(input), output_(input), layers_(std::move(layers)) {
  AutomaticNames automatic;
  std::vector<std::string> names;
  name_all(layers_, automatic, names);
  std::set<std::string> different;
  for (const std::string& layer : names)
    check(different.insert(layer).second, Failure::usage, "network ", name_,
          ": two layers are called ", layer);
  std::int64_t count = 0;
  for (const auto& layer : layers_) {
    try {
      output_ = layer->connect(output_);
      check(output_.elements() <= 1 << 27, Failure::usage, "an output of ", print(output_),
            " is more than 2^27 elements");
    } catch (const Error& error) {
      fail(error.kind, "network ", name_, ", layer ", layer->name(), ": ", error.what());
    }
  }
  for (const auto& layer : layers_) count += layer->parameter_count();
  check(count <= parameters, Failure::usage, "network ", name_, " has ", count,
        " parameters, expected at most ", parameters);
  for (const auto& layer : layers_) layer->allocate();
}

void Network::initialize(std::uint64_t seed) {
  for (const auto& layer : layers_) layer->initialize(seed);
}

const Tensor& Network::forward(const Tensor& images, const Pass& pass) {
  const Tensor* x = &images;
  for (const auto& layer : layers_) {
    profile::Scope scope(layer->name(), "forward", "layer");
    const Tensor& output = layer->forward(*x, pass);
    scope.add_bytes(x->bytes() + output.bytes());
    x = &output;
  }
  return *x;
}

void Network::backward(const Tensor& error, const Pass& pass) {
  const auto trains = [](const std::unique_ptr<Layer>& layer) {
    const std::vector<Parameter*> parameters = layer->parameters();
    return std::any_of(parameters.begin(), parameters.end(),
                       [](const Parameter* parameter) { return parameter->rate != 0; });
  };
  const auto lowest = std::find_if(layers_.begin(), layers_.end(), trains);
  const Tensor* e = &error;
  for (auto layer = layers_.end(); layer != lowest;) {
    --layer;
    profile::Scope scope((*layer)->name(), "backward", "layer");
    (*layer)->want_input_error(layer != lowest);
    const Tensor& result = (*layer)->backward(*e, pass);
    scope.add_bytes(e->bytes() + result.bytes());
    e = &result;
  }
}

std::vector<Layer*> Network::leaves() const {
  std::vector<Layer*> leaves;
  add_leaves(layers_, leaves);
  return leaves;
}

std::vector<Saturation> Network::take_saturation() {
  std::vector<Saturation> all;
  add_saturation(layers_, all);
  return all;
}

std::vector<Parameter*> Network::parameters() const {
  std::vector<Parameter*> all;
  for (const auto& layer : layers_)
    for (Parameter* parameter : layer->parameters()) all.push_back(parameter);
  return all;
}

std::vector<std::pair<std::string, Tensor*>> Network::state() const {
  std::vector<std::pair<std::string, Tensor*>> all;
  for (const auto& layer : layers_)
    for (auto& entry : layer->state()) all.push_back(entry);
  return all;
}

Definition Network::definition() const {
  Definition definition{name_, input_, {}};
  AutomaticNames automatic;
  add_specs(layers_, automatic, definition.layers);
  return definition;
}

Model Network::snapshot() const {
  Model model{.definition = definition()};
  for (const Parameter* parameter : parameters()) model.tensors[parameter->name] = parameter->value;
  for (const auto& [name, tensor] : state()) model.tensors[name] = *tensor;
  return model;
}

void Network::restore(const Model& model) {
  for (Parameter* parameter : parameters()) take(model, parameter->name, parameter->value);
  for (const auto& [name, tensor] : state()) {
    take(model, name, *tensor);
    const float* values = tensor->floats();
    check(
        std::all_of(values, values + tensor->elements(), [](float x) { return std::isfinite(x); }),
        Failure::data, "tensor ", name, ": expected finite numbers");
  }
}

}  // namespace octet

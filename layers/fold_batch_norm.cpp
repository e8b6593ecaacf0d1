#include "layers/fold_batch_norm.h"

#include <cmath>

#include "framework/check.h"
#include "layers/batch_norm.h"
#include "layers/build.h"
#include "layers/weighted_layer.h"

namespace octet {
namespace {

bool can_scale_channels(const Format& format) {
  return format.grid.kind == Grid::Kind::floating || format.scaling.channel;
}

float rounded(double value, const std::string& name) {
  const auto result = static_cast<float>(value);
  check(std::isfinite(result), Failure::data, "tensor ", name,
        ": a folded batch norm gives weights that are not finite");
  // Never minus zero: a pruned weight is told by its bits.
  return result == 0 ? 0.0f : result;
}

class Folding {
 public:
  explicit Folding(const Model& model)
      : network_(build_network(model.definition, model.parameters())), folded_(model) {
    const auto found = model.attributes.find("precision");
    if (found != model.attributes.end()) precision_ = parse_precision(found->second);
  }

  Model fold() {
    if (!can_scale_channels(precision_.weights) || !can_scale_channels(precision_.master))
      return folded_;
    for (const LayerRule& rule : precision_.rules)
      if ((rule.weights && !can_scale_channels(*rule.weights)) ||
          (rule.master && !can_scale_channels(*rule.master)))
        return folded_;
    std::vector<Spec> specs;
    add_path(network_.layers(), specs);
    if (count_ == 0) return folded_;
    folded_.definition.layers = std::move(specs);
    std::erase_if(folded_.tensors,
                  [](const auto& entry) { return entry.first.starts_with("optimizer."); });
    folded_.attributes.erase("training");
    // Out of a network again, a definition has the names that are not the usual ones.
    folded_.definition = build_network(folded_.definition, folded_.parameters()).definition();
    return folded_;
  }

 private:
  // Appends the definition of a path without the batch norms that go.
  void add_path(const Layers& path, std::vector<Spec>& specs) {
    Layer* before = nullptr;  // what may take a batch norm in
    for (const auto& layer : path) {
      if (auto* norm = dynamic_cast<BatchNorm*>(layer.get()); norm && before) {
        take_in(*before, *norm, specs.back());
        ++count_;
        continue;
      }
      specs.push_back(layer->spec());
      specs.back().set("name", layer->name());
      for (const Branch& branch : layer->branches()) {
        add_path(*branch.layers, specs);
        specs.push_back({.kind = std::string(branch.closing)});
      }
      before = dynamic_cast<WeightedLayer*>(layer.get());
    }
  }

  void take_in(Layer& layer, BatchNorm& norm, Spec& spec) {
    const std::string weight_name = layer.name() + ".weight", bias_name = layer.name() + ".bias";
    Tensor& weight = tensor(weight_name, layer.parameters().front()->value.shape());
    const std::int64_t channels = weight.shape()[0], row = weight.elements() / channels;
    if (const std::string* bias = spec.find("bias"); bias && *bias == "0") {
      std::erase_if(spec.attributes, [](const auto& entry) { return entry.first == "bias"; });
      Tensor zeros({channels});
      zeros.fill_zero();
      folded_.tensors[bias_name] = std::move(zeros);
    }
    Tensor& bias = tensor(bias_name, {channels});
    const auto of_norm = [&](const char* what) {
      return tensor(norm.name() + "." + what, {channels}).floats();
    };
    const float *gamma = of_norm("gamma"), *beta = of_norm("beta"), *mean = of_norm("running_mean"),
                *variance = of_norm("running_variance");
    for (std::int64_t k = 0; k < channels; ++k) {
      const double factor = static_cast<double>(gamma[k]) /
                            std::sqrt(static_cast<double>(variance[k]) + norm.epsilon());
      for (std::int64_t i = k * row; i < (k + 1) * row; ++i)
        weight.floats()[i] = rounded(static_cast<double>(weight.floats()[i]) * factor, weight_name);
      const double offset = static_cast<double>(bias.floats()[k]) - static_cast<double>(mean[k]);
      bias.floats()[k] = rounded(offset * factor + static_cast<double>(beta[k]), bias_name);
    }
    const auto errors = folded_.tensors.find(layer.name() + ".error_range");
    if (errors != folded_.tensors.end()) errors->second.fill_zero();
    for (const char* what :
         {"gamma", "beta", "running_mean", "running_variance", "activation_range", "error_range"})
      folded_.tensors.erase(norm.name() + "." + what);
  }

  Tensor& tensor(const std::string& name, const Shape& shape) {
    const auto found = folded_.tensors.find(name);
    check(found != folded_.tensors.end(), Failure::data, "the model of ", network_.name(),
          " lacks the tensor ", name);
    check(found->second.shape() == shape && found->second.element() == Element::float32,
          Failure::data, "tensor ", name, ": expected ", print(shape), " float32, got ",
          print(found->second.shape()), " ", name_of(found->second.element()));
    return found->second;
  }

  Network network_;
  Model folded_;
  Precision precision_;
  int count_ = 0;
};

}  // namespace

Model fold_batch_norm(const Model& model) { return Folding(model).fold(); }

}  // namespace octet

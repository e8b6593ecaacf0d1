#include "layers/flow.h"

#include <algorithm>

#include "layers/activations.h"
#include "layers/batch_norm.h"
#include "layers/weighted_layer.h"

namespace octet {
namespace {

FlowLayer& flow(const std::unique_ptr<Layer>& layer) { return static_cast<FlowLayer&>(*layer); }

bool is_maker(const std::unique_ptr<Layer>& layer) {
  return flow(layer).role() == FlowLayer::Role::maker;
}

// The makers on both sides of a ReLU do its work; whether there is one among these layers.
bool absorb_relus(const Layers& path, std::size_t begin, std::size_t end) {
  bool any = false;
  for (std::size_t i = begin; i < end; ++i)
    if (auto* relu = dynamic_cast<Relu*>(path[i].get())) {
      relu->set_absorbed(true);
      any = true;
    }
  return any;
}

// What outputs of one maker need not be encoded below, where all that takes their codes takes a
// zero point.
float least_between(const Layers& path, std::size_t maker, std::size_t next) {
  const bool taken = std::all_of(path.begin() + static_cast<std::ptrdiff_t>(maker) + 1,
                                 path.begin() + static_cast<std::ptrdiff_t>(next) + 1,
                                 [](const auto& layer) { return flow(layer).takes_zero_points(); });
  const Quantizer* const quantizer = flow(path[next]).input_quantizer();
  if (!taken || !quantizer || !quantizer->has_affine_flow()) return 0;
  const float made = flow(path[maker]).least_output(), wanted = flow(path[next]).least_input();
  return made == 0 || wanted == 0 ? made + wanted : std::max(made, wanted);
}

void stop_flow(const Layers& layers) {
  for (const auto& layer : layers) {
    for (const Branch& branch : layer->branches()) stop_flow(*branch.layers);
    if (auto* flowing = dynamic_cast<FlowLayer*>(layer.get())) {
      flowing->set_outlets({}, {});
      flowing->set_flow_formats({}, {});
      flowing->set_integer_outlet({});
    }
    if (auto* relu = dynamic_cast<Relu*>(layer.get())) relu->set_absorbed(false);
    if (auto* norm = dynamic_cast<BatchNorm*>(layer.get())) norm->set_taken_in(false);
    if (auto* weighted = dynamic_cast<WeightedLayer*>(layer.get())) {
      weighted->set_errors_folded(false);
      weighted->set_output_element(Element::float32);
    }
  }
}

void set_formats(const Layers& layers, const Precision& precision) {
  for (const auto& layer : layers) {
    for (const Branch& branch : layer->branches()) set_formats(*branch.layers, precision);
    flow(layer).set_flow_formats(precision.activations, precision.errors);
  }
}

bool any_in_float(const Layers& layers) {
  return std::any_of(layers.begin(), layers.end(), [](const auto& layer) {
    const auto* flowing = dynamic_cast<const FlowLayer*>(layer.get());
    const std::vector<Branch> branches = layer->branches();
    return (flowing && flowing->kept_in_float()) ||
           std::any_of(branches.begin(), branches.end(),
                       [](const Branch& branch) { return any_in_float(*branch.layers); });
  });
}

// The first layer's input and the errors at the last one's output arrive in float32 and are encoded
// there, all at once: any codes will do.
bool formats_flow(const Precision& precision, bool first = false, bool last = false) {
  const Quantizer activations(precision.activations);
  const bool inputs = first ? precision.activations.fits_int8_product()
                            : activations.flows() && !activations.finds_scale_late();
  const bool errors =
      last ? precision.errors.fits_int8_product() : Quantizer(precision.errors).flows();
  return precision.weights.fits_int8_product() && inputs && errors;
}

// Where scales are found late or activations stop errors: what is between two layers with weights
// must be picked or rectified, so that a mask says all.
bool is_plain_chain(const Layers& layers) {
  bool rectified = true;  // since the last layer with weights
  for (const auto& layer : layers) {
    const auto* weighted = dynamic_cast<const WeightedLayer*>(layer.get());
    if (!weighted && is_maker(layer)) return false;
    if (weighted && (!rectified || weighted->precision().weights.scaling.channel)) return false;
    rectified = (rectified && !weighted) || dynamic_cast<const Relu*>(layer.get());
  }
  return true;
}

bool needs_plain_chain(const Layers& layers) {
  return std::any_of(layers.begin(), layers.end(), [](const auto& layer) {
    const auto* weighted = dynamic_cast<const WeightedLayer*>(layer.get());
    return weighted && (weighted->precision().activations.stop ||
                        Quantizer(weighted->precision().errors).finds_scale_late());
  });
}

// Those of the layers themselves: rules may have given them others.
bool all_formats_flow(const Layers& layers, const Layer* first, const Layer* last) {
  return std::all_of(layers.begin(), layers.end(), [&](const auto& layer) {
    const auto* weighted = dynamic_cast<const WeightedLayer*>(layer.get());
    const std::vector<Branch> branches = layer->branches();
    return (!weighted ||
            formats_flow(weighted->precision(), layer.get() == first, layer.get() == last)) &&
           std::all_of(branches.begin(), branches.end(), [&](const Branch& branch) {
             return all_formats_flow(*branch.layers, first, last);
           });
  });
}

}  // namespace

bool can_flow(const Layers& path) {
  bool makes = false;
  for (const auto& layer : path) {
    const auto* flowing = dynamic_cast<const FlowLayer*>(layer.get());
    if (!flowing || flowing->role() == FlowLayer::Role::stopper) return false;
    makes = makes || is_maker(layer);
  }
  return makes;
}

FlowLayer* first_maker(const Layers& path) {
  for (const auto& layer : path)
    if (is_maker(layer)) return &flow(layer);
  return nullptr;
}

FlowLayer* last_maker(const Layers& path) {
  FlowLayer* last = nullptr;
  for (const auto& layer : path)
    if (is_maker(layer)) last = &flow(layer);
  return last;
}

const FlowLayer* find_layer(const Layers& layers, const std::string& name) {
  for (const auto& layer : layers) {
    if (layer->name() == name) return dynamic_cast<const FlowLayer*>(layer.get());
    for (const Branch& branch : layer->branches())
      if (const FlowLayer* found = find_layer(*branch.layers, name)) return found;
  }
  return nullptr;
}

void plan_path(const Layers& path, const Outlet& outputs, const Outlet& errors) {
  std::vector<std::size_t> makers;
  for (std::size_t i = 0; i < path.size(); ++i)
    if (is_maker(path[i])) makers.push_back(i);
  Outlet errors_of = errors;
  for (std::size_t m = 0; m < makers.size(); ++m) {
    FlowLayer& maker = flow(path[makers[m]]);
    Outlet outputs_of = outputs, next_errors;
    if (m + 1 < makers.size()) {
      FlowLayer& next = flow(path[makers[m + 1]]);
      const bool rectify = absorb_relus(path, makers[m], makers[m + 1]);
      outputs_of = {.quantizer = next.input_quantizer(),
                    .rectify = rectify,
                    .least = least_between(path, makers[m], makers[m + 1])};
      next_errors = maker.error_inlet();
      next_errors.mask = rectify;
      next_errors.stop_code =
          next.input_quantizer() && rectify ? next.input_quantizer()->stop_code() : std::uint8_t{0};
    }
    maker.set_outlets(outputs_of, errors_of);
    if (auto* weighted = dynamic_cast<WeightedLayer*>(&maker))
      weighted->set_errors_folded(m + 1 < makers.size() && next_errors.factors != nullptr);
    errors_of = next_errors;
  }
}

bool plan_flow(const Layers& layers, const Precision& precision) {
  stop_flow(layers);
  if (simulates_codes(precision.activations)) {
    plan_integers(layers, precision);
    return false;
  }
  // What comes before the first maker sees the images, which are float32; only a weighted layer
  // encodes them. A block at the end would add codes to what leaves in float32.
  if (!formats_flow(precision) || !can_flow(layers) || any_in_float(layers) ||
      !all_formats_flow(layers, first_maker(layers), last_maker(layers)) ||
      (needs_plain_chain(layers) && !is_plain_chain(layers)) ||
      !dynamic_cast<WeightedLayer*>(first_maker(layers)) ||
      !last_maker(layers)->branches().empty()) {
    plan_reals(layers);
    return false;
  }
  set_formats(layers, precision);
  plan_path(layers, {}, {});
  return true;
}

}  // namespace octet

#include "layers/watch_values.h"

#include <deque>

#include "layers/average_pool.h"
#include "layers/gelu.h"
#include "layers/global_average_pool.h"
#include "layers/real_kernels.h"
#include "layers/residual.h"
#include "layers/weighted_layer.h"

namespace octet {
namespace {

class Walk {
 public:
  explicit Walk(const std::function<void(const Watched&)>& watch) : watch_(watch) {}

  struct Value {
    const Tensor* reals;
    std::size_t number;
  };

  Value along(const Layers& path, Value value) {
    for (const auto& layer : path) {
      const std::vector<Branch> branches = layer->branches();
      value = branches.empty() ? through(*layer, value) : through_block(*layer, branches, value);
    }
    return value;
  }

 private:
  Value through(Layer& layer, const Value& input) {
    if (has_ranges(layer)) show(layer, ".activation_range", input);
    const auto* const flowing = dynamic_cast<const FlowLayer*>(&layer);
    const bool picks = flowing && flowing->picks();
    return {&layer.forward(*input.reals, {}), picks ? input.number : ++latest_};
  }

  Value through_block(Layer& block, const std::vector<Branch>& branches, const Value& input) {
    const Value main = along(*branches[0].layers, input);
    const Value other = branches.size() > 1 ? along(*branches[1].layers, input) : input;
    show(block, ".main_activation_range", main);
    show(block, ".shortcut_activation_range", other);
    Tensor& sum = sums_.emplace_back();
    kernels::finish_outputs(*main.reals, other.reals, false, sum);
    return {&sum, ++latest_};
  }

  void show(const Layer& layer, const char* what, const Value& value) {
    watch_({layer, layer.name() + what, value.number, *value.reals});
  }

  const std::function<void(const Watched&)>& watch_;
  std::size_t latest_ = 0;
  std::deque<Tensor> sums_;  // of blocks, whose addresses stay
};

}  // namespace

bool has_ranges(const Layer& layer) {
  return dynamic_cast<const WeightedLayer*>(&layer) || dynamic_cast<const AveragePool*>(&layer) ||
         dynamic_cast<const GlobalAveragePool*>(&layer) || dynamic_cast<const Gelu*>(&layer) ||
         dynamic_cast<const Residual*>(&layer);
}

void watch_values(const Network& network, const Tensor& images,
                  const std::function<void(const Watched&)>& watch) {
  Walk(watch).along(network.layers(), {&images, 0});
}

}  // namespace octet

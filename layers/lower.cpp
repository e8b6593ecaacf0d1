#include "layers/lower.h"

#include <algorithm>

#include "framework/check.h"
#include "layers/average_pool.h"
#include "layers/build.h"
#include "layers/convolution.h"
#include "layers/gelu.h"
#include "layers/global_average_pool.h"
#include "layers/max_pool.h"
#include "layers/residual.h"
#include "layers/weighted_layer.h"
#include "quant/integer/addition.h"

namespace octet {
namespace {

class Lowering {
 public:
  explicit Lowering(RequantRounding rounding) : rounding_(rounding) {}

  IntegerNetwork lower(const Network& network) {
    const auto first = std::find_if(network.layers().begin(), network.layers().end(),
                                    [](const auto& layer) { return outlet_of(*layer) != nullptr; });
    IntegerOutlet images{.quantizer = static_cast<FlowLayer&>(**first).input_quantizer()};
    check_range(*images.quantizer, "input");
    edges_.push_back(make_edge("input", network.input(), images));
    add_path(network.layers(), 0);
    return {network.name(), std::move(edges_), std::move(stages_), rounding_};
  }

 private:
  static const IntegerOutlet* outlet_of(const Layer& layer) {
    const auto* flowing = dynamic_cast<const FlowLayer*>(&layer);
    return flowing && flowing->integer_outlet() ? &*flowing->integer_outlet() : nullptr;
  }

  static void check_range(const Quantizer& quantizer, const std::string& name) {
    check(quantizer.knows_range(), Failure::usage, "layer ", name,
          ": the range of its values is not known: train or calibrate first, on pictures that do "
          "not leave all of them zero");
  }

  // Returns the place of the path's last edge.
  std::size_t add_path(const Layers& path, std::size_t from) {
    for (const auto& layer : path) {
      if (const auto* pool = dynamic_cast<const MaxPool*>(layer.get())) {
        from = add_max_pool(*pool, from);
      } else if (const IntegerOutlet* outlet = outlet_of(*layer)) {
        if (outlet->quantizer) check_range(*outlet->quantizer, layer->name());
        from = add_maker(*layer, *outlet, from);
      }
    }
    return from;
  }

  std::size_t add_maker(Layer& layer, const IntegerOutlet& outlet, std::size_t from) {
    Stage stage{.name = layer.name(), .input = from, .rectify = outlet.rectify};
    if (auto* weighted = dynamic_cast<WeightedLayer*>(&layer)) {
      Edge edge = make_edge(layer.name(), weighted->output_shape(1).without_front(), outlet);
      const auto* convolution = dynamic_cast<const Convolution*>(&layer);
      stage.kind = convolution ? Stage::Kind::convolution : Stage::Kind::linear;
      if (convolution) stage.window = convolution->window();
      if (!outlet.quantizer) stage.score_factor = outlet.factor;
      put_into(weighted->fuse(edges_[from].scale, edge, rounding_), stage);
      return add(std::move(stage), std::move(edge));
    }
    if (dynamic_cast<const Residual*>(&layer)) return add_block(layer, outlet, from);
    if (dynamic_cast<const Gelu*>(&layer)) {
      Edge edge = make_edge(layer.name(), edges_[from].shape, outlet);
      stage.kind = Stage::Kind::table;
      stage.table = Gelu::table(edges_[from].scale, edges_[from].zero_point, edge, outlet.rectify);
      return add(std::move(stage), std::move(edge));
    }
    const auto* global = dynamic_cast<const GlobalAveragePool*>(&layer);
    const kernels::PoolGeometry g =
        global ? global->geometry() : dynamic_cast<const AveragePool&>(layer).geometry();
    Edge edge = make_edge(layer.name(), {g.output_height, g.output_width, g.channels}, outlet);
    stage.kind = Stage::Kind::average_pool;
    stage.window = {.kernel_h = g.window_height, .kernel_w = g.window_width, .stride = g.stride};
    stage.multipliers = {
        multiplier_of(static_cast<double>(edges_[from].scale) / static_cast<double>(edge.scale) /
                          static_cast<double>(g.window_height * g.window_width),
                      rounding_)};
    return add(std::move(stage), std::move(edge));
  }

  std::size_t add_block(const Layer& block, const IntegerOutlet& outlet, std::size_t from) {
    const std::vector<Branch> paths = block.branches();
    const std::size_t main = add_path(*paths[0].layers, from);
    const std::size_t other = paths.size() > 1 ? add_path(*paths[1].layers, from) : from;
    Edge edge = make_edge(block.name(), edges_[main].shape, outlet);
    Stage stage{.kind = Stage::Kind::add,
                .name = block.name(),
                .input = main,
                .addend = other,
                .rectify = outlet.rectify};
    stage.multipliers = Addition(edges_[main].scale, edges_[main].zero_point, edges_[other].scale,
                                 edges_[other].zero_point, edge, outlet.rectify, rounding_)
                            .multipliers();
    return add(std::move(stage), std::move(edge));
  }

  std::size_t add_max_pool(const MaxPool& pool, std::size_t from) {
    const kernels::PoolGeometry g = pool.geometry();
    Stage stage{
        .kind = Stage::Kind::max_pool,
        .name = pool.name(),
        .input = from,
        .window = {.kernel_h = g.window_height, .kernel_w = g.window_width, .stride = g.stride}};
    Edge edge = edges_[from];
    edge.name = pool.name();
    edge.shape = {g.output_height, g.output_width, g.channels};
    return add(std::move(stage), std::move(edge));
  }

  std::size_t add(Stage stage, Edge edge) {
    stage.output = edges_.size();
    edges_.push_back(std::move(edge));
    stages_.push_back(std::move(stage));
    return edges_.size() - 1;
  }

  RequantRounding rounding_;
  std::vector<Edge> edges_;
  std::vector<Stage> stages_;
};

}  // namespace

IntegerNetwork lower(const Network& network, const std::string& precision,
                     RequantRounding rounding) {
  const std::string obstacle = integer_obstacle(network.layers(), parse_precision(precision));
  check(obstacle.empty(), Failure::usage, "network ", network.name(),
        " has no integer form: ", obstacle);
  return Lowering(rounding).lower(network);
}

IntegerNetwork lower(const Model& model, RequantRounding rounding) {
  return lower(build_network(model), model.attribute("precision"), rounding);
}

}  // namespace octet

#include "quant/onnx/integer_graph.h"

#include "framework/check.h"
#include "quant/onnx/graph_file.h"
#include "quant/onnx/graph_parts.h"
#include "quant/onnx/layout.h"

namespace octet {
namespace {

OnnxTensor::Type type_of(Element element) {
  return element == Element::int8    ? OnnxTensor::Type::int8
         : element == Element::uint8 ? OnnxTensor::Type::uint8
                                     : OnnxTensor::Type::int32;
}

// Zero points, of which a code's own type has any.
OnnxTensor zero_points(Element element, std::vector<std::int64_t> dims, std::size_t count,
                       std::int32_t value) {
  if (element != Element::int32)
    return {type_of(element), std::move(dims), Bytes(count, static_cast<std::uint8_t>(value))};
  const std::vector<std::int32_t> values(count, value);
  return onnx_tensor(OnnxTensor::Type::int32, std::move(dims), values.data(), count);
}

class IntegerWriter {
 public:
  IntegerWriter(const std::vector<Edge>& edges, const std::vector<Stage>& stages, bool list_edges)
      : edges_(edges), stages_(stages), list_edges_(list_edges), flat_(edges.size(), false) {}

  OnnxGraph write(const std::string& name, const OnnxDescription& description) {
    graph_.name = name;
    add_metadata(graph_, description.attributes);
    const Edge& input = edges_.front();
    quantize(0, add_pixels(graph_, input.shape, description.normalization));
    for (const Stage& stage : stages_) try {
        write(stage);
      } catch (const Error& error) {
        fail(error.kind, "layer ", stage.name, ": ", error.what());
      }
    const std::size_t last = stages_.back().output;
    const Shape& scores = edges_[last].shape;
    check(edges_[last].element == Element::int32 && scores[0] == 1 && scores[1] == 1,
          Failure::usage, "network ", name, ": expected int32 scores of 1x1xclasses");
    if (!flat_[last])
      add_node(graph_, "Flatten", "scores.flat", {graph_.nodes.back().outputs.front()},
               {{"axis", std::int64_t{1}}});
    finish_scores(graph_, scores[2]);
    // The scores come first.
    for (OnnxValue& value : listed_) graph_.outputs.push_back(std::move(value));
    return std::move(graph_);
  }

 private:
  void write(const Stage& stage) {
    std::string real;
    flat_[stage.output] = flat_[stage.input];
    switch (stage.kind) {
      case Stage::Kind::convolution:
        real = write_convolution(stage);
        break;
      case Stage::Kind::linear:
        real = write_linear(stage);
        flat_[stage.output] = true;
        break;
      case Stage::Kind::add:
        real = write_add(stage);
        break;
      case Stage::Kind::max_pool:
        real = write_pool(stage, "MaxPool");
        break;
      case Stage::Kind::average_pool:
        real = write_average(stage);
        break;
      case Stage::Kind::table:
        return write_table(stage);
    }
    if (stage.rectify) real = add_node(graph_, "Relu", stage.name + ".rectified", {real});
    if (stage.score_factor != 1) {
      const std::string factor =
          add_reals(graph_, stage.name + ".factor", {}, {stage.score_factor});
      add_node(graph_, "Mul", stage.name + ".scaled", {real, factor});
    }
    if (edges_[stage.output].element != Element::int32) quantize(stage.output, real);
  }

  std::string write_convolution(const Stage& stage) {
    check(!flat_[stage.input], Failure::usage, "ONNX has no convolution behind a linear layer");
    const Window& w = stage.window;
    const Shape& shape = stage.weights.shape();
    const std::int64_t k = shape[0], channels = shape[3];
    std::vector<std::string> inputs = {reals(stage.input, stage.name + ".input")};
    add_weights(stage, {k, channels, w.kernel_h, w.kernel_w}, w.kernel_h * w.kernel_w, channels,
                inputs);
    return add_node(graph_, "Conv", stage.name + ".real", inputs,
                    {{"kernel_shape", std::vector<std::int64_t>{w.kernel_h, w.kernel_w}},
                     {"strides", std::vector<std::int64_t>{w.stride, w.stride}},
                     {"pads", pads(w.pad_top, w.pad_left, w.pad_bottom, w.pad_right)},
                     {"group", w.groups}});
  }

  std::string write_linear(const Stage& stage) {
    const Shape& input = edges_[stage.input].shape;
    std::vector<std::string> inputs = {dequantize(
        stage.input, flat_codes(stage.input, stage.name + ".flat"), stage.name + ".input")};
    add_weights(stage, {stage.weights.shape()[0], input.elements()}, input[0] * input[1], input[2],
                inputs);
    return add_node(graph_, "Gemm", stage.name + ".real", inputs, {{"transB", std::int64_t{1}}});
  }

  // Where one operand has passed a linear layer, the other becomes flat too.
  std::string write_add(const Stage& stage) {
    flat_[stage.output] = flat_[stage.input] || flat_[stage.addend];
    const auto operand = [&](std::size_t edge, const std::string& name) {
      if (!flat_[stage.output]) return reals(edge, name);
      return dequantize(edge, flat_codes(edge, name + ".flat"), name);
    };
    const std::string first = operand(stage.input, stage.name + ".input");
    return add_node(graph_, "Add", stage.name + ".real",
                    {first, operand(stage.addend, stage.name + ".addend")});
  }

  // N x C x H x W -> N x (C H W)
  std::string flat_codes(std::size_t edge, const std::string& name) {
    if (flat_[edge]) return edges_[edge].name;
    return add_node(graph_, "Flatten", name, {edges_[edge].name}, {{"axis", std::int64_t{1}}});
  }

  std::string write_pool(const Stage& stage, const char* op) {
    check(!flat_[stage.input], Failure::usage, "ONNX has no pool behind a linear layer");
    return add_node(graph_, op, stage.name + ".real", {reals(stage.input, stage.name + ".input")},
                    pool_attributes(stage.window.kernel_h, stage.window.stride,
                                    edges_[stage.input].shape, edges_[stage.output].shape));
  }

  std::string write_average(const Stage& stage) {
    const Shape &input = edges_[stage.input].shape, &output = edges_[stage.output].shape;
    if (output[0] == 1 && output[1] == 1 && stage.window.kernel_h >= input[0] &&
        stage.window.kernel_w >= input[1] && !flat_[stage.input])
      return add_node(graph_, "GlobalAveragePool", stage.name + ".real",
                      {reals(stage.input, stage.name + ".input")});
    return write_pool(stage, "AveragePool");
  }

  // Codes that pick codes: a runtime's own function could round otherwise.
  void write_table(const Stage& stage) {
    const Edge& edge = edges_[stage.output];
    graph_.constants[stage.name + ".table"] = {OnnxTensor::Type::uint8, {256}, stage.table};
    const std::string index =
        add_node(graph_, "Cast", stage.name + ".index", {edges_[stage.input].name},
                 {{"to", std::int64_t{code_of(OnnxTensor::Type::int32)}}});
    add_scale(edge);
    add_node(graph_, "Gather", edge.name, {stage.name + ".table", index},
             {{"axis", std::int64_t{0}}});
    list(stage.output);
  }

  // Adds weights, K x positions x channels, and bias, behind a DequantizeLinear each, to `inputs`.
  void add_weights(const Stage& stage, std::vector<std::int64_t> dims, std::int64_t positions,
                   std::int64_t channels, std::vector<std::string>& inputs) {
    const std::int64_t k = dims[0];
    const auto count = static_cast<std::size_t>(k);
    const std::vector<float>& scales = stage.weights.scales;
    check(scales.size() == 1 || scales.size() == count, Failure::usage, "expected one scale or ", k,
          " for its weights, got ", scales.size());
    std::vector<float> each(count), products(count);
    const float input_scale = edges_[stage.input].scale;
    for (std::size_t i = 0; i < count; ++i) {
      each[i] = scales[scales.size() == 1 ? 0 : i];
      products[i] = input_scale * each[i];
    }
    const std::vector<std::int8_t> codes =
        channels_first(stage.weights.data<std::int8_t>(), k, positions, channels);
    inputs.push_back(
        add_codes(stage.name + ".weight",
                  onnx_tensor(OnnxTensor::Type::int8, std::move(dims), codes.data(), codes.size()),
                  Element::int8, each));
    if (!stage.bias.empty())
      inputs.push_back(
          add_codes(stage.name + ".bias",
                    onnx_tensor(OnnxTensor::Type::int32, {k}, stage.bias.data(), stage.bias.size()),
                    Element::int32, products));
  }

  // Constant codes with a scale for each index of the first axis.
  std::string add_codes(const std::string& name, OnnxTensor codes, Element element,
                        const std::vector<float>& scales) {
    const auto k = static_cast<std::int64_t>(scales.size());
    graph_.constants[name + ".codes"] = std::move(codes);
    add_reals(graph_, name + ".scale", {k}, scales);
    graph_.constants[name + ".zero_point"] = zero_points(element, {k}, scales.size(), 0);
    return add_node(graph_, "DequantizeLinear", name,
                    {name + ".codes", name + ".scale", name + ".zero_point"},
                    {{"axis", std::int64_t{0}}});
  }

  std::string reals(std::size_t edge, const std::string& name) {
    return dequantize(edge, edges_[edge].name, name);
  }

  // Every taker has a DequantizeLinear of its own, as runtimes' patterns want it.
  std::string dequantize(std::size_t edge, const std::string& codes, const std::string& name) {
    const std::string& of = edges_[edge].name;
    return add_node(graph_, "DequantizeLinear", name, {codes, of + ".scale", of + ".zero_point"});
  }

  void quantize(std::size_t index, const std::string& real) {
    const Edge& edge = edges_[index];
    add_scale(edge);
    add_node(graph_, "QuantizeLinear", edge.name,
             {real, edge.name + ".scale", edge.name + ".zero_point"});
    list(index);
  }

  void add_scale(const Edge& edge) {
    add_reals(graph_, edge.name + ".scale", {}, {edge.scale});
    graph_.constants[edge.name + ".zero_point"] = zero_points(edge.element, {}, 1, edge.zero_point);
  }

  void list(std::size_t index) {
    const Edge& edge = edges_[index];
    if (!list_edges_) return;
    const Shape& s = edge.shape;
    listed_.push_back({edge.name, type_of(edge.element), {-1, s[2]}});
    if (!flat_[index]) listed_.back().dims = {-1, s[2], s[0], s[1]};
  }

  const std::vector<Edge>& edges_;
  const std::vector<Stage>& stages_;
  bool list_edges_;
  std::vector<bool> flat_;  // of edges: N x C instead of N x C x H x W
  std::vector<OnnxValue> listed_;
  OnnxGraph graph_;
};

}  // namespace

OnnxGraph integer_graph(const std::string& name, const std::vector<Edge>& edges,
                        const std::vector<Stage>& stages, const OnnxDescription& description,
                        bool list_edges) {
  return IntegerWriter(edges, stages, list_edges).write(name, description);
}

Bytes write_onnx(const IntegerNetwork& network, const OnnxDescription& description, bool edges) {
  check(network.rounding() == RequantRounding::half_even, Failure::usage, "network ",
        network.name(), ": QuantizeLinear rounds half to even, the network's codes are rounded ",
        print(network.rounding()));
  return serialize_onnx(
      integer_graph(network.name(), network.edges(), network.stages(), description, edges));
}

}  // namespace octet

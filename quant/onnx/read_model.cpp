#include <algorithm>
#include <cctype>
#include <set>

#include "framework/check.h"
#include "framework/layer_names.h"
#include "framework/text.h"
#include "quant/onnx/graph_file.h"
#include "quant/onnx/graph_parts.h"
#include "quant/onnx/known_values.h"
#include "quant/onnx/onnx_file.h"
#include "quant/onnx/read_layer.h"

namespace octet {
namespace {

// What a file from a stranger may ask for; the bounds of framework/spec and layers/build.
constexpr std::size_t most_layers = 4096;
constexpr int most_nested = 16;
// Constants that several nodes take are copied for each.
constexpr std::int64_t most_copied = 1 << 24;

// Of letters, digits and "_-", as definitions have them; may be empty.
std::string word_of(const std::string& name) {
  const std::size_t begin = name.find_first_not_of('/');
  std::string word = begin == std::string::npos ? "" : name.substr(begin, 64);
  for (char& c : word)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-') c = '_';
  return word;
}

class ModelReader {
 public:
  explicit ModelReader(OnnxGraph graph) : graph_(std::move(graph)), known_(graph_) {
    for (const auto& [name, tensor] : graph_.constants) copies_left_ += tensor.elements();
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i)
      for (const std::string& input : graph_.nodes[i].inputs)
        if (!input.empty() && !known_.constant(input)) takers_[input].push_back(i);
  }

  Model read() {
    OnnxFlow flow = read_input();
    model_.definition.input = flow.shape;
    read_normalization(flow);
    read_path(flow, 0);
    check(graph_.outputs.size() == 1 && graph_.outputs[0].name == flow.name, Failure::data,
          "expected one output, made by the last node");
    check(flow.shape[0] == 1 && flow.shape[1] == 1, Failure::data,
          "expected scores of N x classes, got images of ", print(flow.shape));
    const std::string name = word_of(graph_.name);
    model_.definition.name = name.empty() ? "imported" : name;
    name_layers();
    read_metadata(flow.shape[2]);
    return std::move(model_);
  }

 private:
  OnnxFlow read_input() {
    check(graph_.inputs.size() == 1, Failure::data, "expected one input besides constants, got ",
          graph_.inputs.size());
    const OnnxValue& input = graph_.inputs[0];
    check(input.dims.size() == 4, Failure::data, "input '", input.name,
          "': expected 4 dimensions, N x C x H x W, got ", input.dims.size());
    batch_ = input.dims[0];
    for (std::size_t i = 1; i < 4; ++i)
      check(input.dims[i] >= 1 && input.dims[i] <= 4096, Failure::data, "input '", input.name,
            "': expected channels, height and width from 1 to 4096, got ", input.dims[i]);
    const Shape shape{input.dims[2], input.dims[3], input.dims[1]};
    check(shape.elements() <= 1 << 27, Failure::data, "input '", input.name,
          "': more than 2^27 elements");
    return {.name = input.name, .shape = shape};
  }

  const OnnxNode* only_taker(const std::string& value) const {
    const auto found = takers_.find(value);
    return found == takers_.end() || found->second.size() != 1 ? nullptr
                                                               : &graph_.nodes[found->second[0]];
  }

  // pixels / 255, and after it maybe - mean, / deviation.
  void read_normalization(OnnxFlow& flow) {
    const OnnxNode* node = only_taker(flow.name);
    if (!node || node->op != "Div") return;
    const OnnxTensor& most = known_.reals(*node, 1, "a divisor");
    check(most.elements() == 1 && most.floats()[0] == 255, Failure::data, print(*node),
          ": expected pixels divided by 255");
    const auto channels = static_cast<std::size_t>(flow.shape[2]);
    std::vector<float> mean(channels, 0.0f), deviation(channels, 1.0f);
    flow.name = node->outputs[0];
    if (read_channels("Sub", "the mean", flow, mean))
      read_channels("Div", "the deviation", flow, deviation);
    check(std::all_of(deviation.begin(), deviation.end(), [](float x) { return x > 0; }),
          Failure::data, "input '", graph_.inputs[0].name, "': expected positive deviations");
    model_.attributes["mean"] = numbers(mean);
    model_.attributes["deviation"] = numbers(deviation);
  }

  bool read_channels(const char* op, const char* what, OnnxFlow& flow, std::vector<float>& values) {
    const OnnxNode* node = only_taker(flow.name);
    if (!node || node->op != op) return false;
    const OnnxTensor& constant = known_.reals(*node, 1, what);
    const std::int64_t c = flow.shape[2];
    check(constant.elements() == 1 || constant.dims == std::vector<std::int64_t>{1, c, 1, 1} ||
              constant.dims == std::vector<std::int64_t>{c, 1, 1},
          Failure::data, print(*node), ": ", what, ": expected 1 or ", c,
          " numbers, one a channel");
    for (std::int64_t i = 0; i < c; ++i)
      values[static_cast<std::size_t>(i)] = constant.floats()[constant.elements() == 1 ? 0 : i];
    flow.name = node->outputs[0];
    return true;
  }

  static std::string numbers(const std::vector<float>& values) {
    std::string line;
    for (const float value : values) line += (line.empty() ? "" : " ") + shortest(value);
    return line;
  }

  bool joins(const OnnxNode& node) const {
    return node.op == "Add" && node.inputs.size() == 2 && !known_.constant(node.inputs[0]) &&
           !known_.constant(node.inputs[1]);
  }

  // Layers from a value on, up to the Add that closes the path, which is returned, or the output.
  const OnnxNode* read_path(OnnxFlow& flow, int depth) {
    for (;;) {
      const auto found = takers_.find(flow.name);
      if (found == takers_.end()) return nullptr;
      const std::vector<std::size_t>& takers = found->second;
      if (takers.size() > 1 && read_gelu(takers, flow)) continue;
      if (takers.size() > 1) {
        read_residual(takers, flow, depth + 1);
        continue;
      }
      const OnnxNode& node = graph_.nodes[takers[0]];
      if (joins(node)) return &node;
      read_node(node, flow);
    }
  }

  // One side of a block, which begins at this node.
  const OnnxNode* read_side(const OnnxNode& node, OnnxFlow& flow, int depth) {
    if (joins(node)) return &node;
    read_node(node, flow);
    return read_path(flow, depth);
  }

  // The only taker of what the node makes, if it does `op` and fits what else it takes.
  template <class Fits>
  const OnnxNode* follow(const OnnxNode* node, const char* op, const Fits& fits) const {
    const OnnxNode* const taker = node ? only_taker(node->outputs[0]) : nullptr;
    if (!taker || taker->op != op) return nullptr;
    std::string other;
    for (const std::string& input : taker->inputs)
      if (input != node->outputs[0]) other = input;
    return fits(other) ? taker : nullptr;
  }

  // What is written for a GELU (graph_parts.h); false where these nodes are something else.
  bool read_gelu(const std::vector<std::size_t>& takers, OnnxFlow& flow) {
    const OnnxNode* node = nullptr;
    for (const std::size_t taker : takers) {
      const OnnxNode& each = graph_.nodes[taker];
      if (each.op == "Mul" && each.inputs == std::vector<std::string>{flow.name, flow.name})
        node = &each;
    }
    const auto is = [&](float number) {
      return [this, number](const std::string& name) {
        const OnnxTensor* const constant = known_.constant(name);
        return constant && constant->type == OnnxTensor::Type::float32 &&
               constant->elements() == 1 && constant->floats()[0] == number;
      };
    };
    const auto is_input = [&](const std::string& name) { return name == flow.name; };
    node = follow(node, "Mul", is(gelu_cubic));
    node = follow(node, "Add", is(gelu_linear));
    node = follow(node, "Mul", is_input);
    node = follow(node, "Sigmoid", [](const std::string& name) { return name.empty(); });
    node = follow(node, "Mul", is_input);
    if (!node || std::set<std::size_t>(takers.begin(), takers.end()).size() != 3) return false;
    layers_.push_back({.spec = {.kind = "gelu"}, .node = node->name});
    flow.name = node->outputs[0];
    return true;
  }

  void read_residual(const std::vector<std::size_t>& takers, OnnxFlow& flow, int depth) {
    check(takers.size() == 2 && takers[0] != takers[1], Failure::data, "value '", flow.name,
          "' goes to ", takers.size(),
          " places, expected two paths that meet in an Add, one of them maybe empty");
    check(depth <= most_nested, Failure::data, "value '", flow.name, "': more than ", most_nested,
          " residual blocks within each other");
    const std::size_t begin = layers_.size();
    layers_.push_back({.spec = {.kind = "residual"}});
    OnnxFlow ends[2] = {flow, flow};
    std::vector<OnnxLayer> sides[2];
    const OnnxNode* closing[2];
    for (std::size_t side : {0u, 1u}) {
      const std::size_t first = layers_.size();
      closing[side] = read_side(graph_.nodes[takers[side]], ends[side], depth);
      const auto from = layers_.begin() + static_cast<std::ptrdiff_t>(first);
      sides[side].assign(std::make_move_iterator(from), std::make_move_iterator(layers_.end()));
      layers_.erase(from, layers_.end());
    }
    check(closing[0] && closing[0] == closing[1], Failure::data, "the two paths from value '",
          flow.name, "' do not meet in one Add");
    const OnnxNode& add = *closing[0];
    check(ends[0].shape == ends[1].shape && ends[0].flat == ends[1].flat, Failure::data, print(add),
          ": its two inputs have the shapes ", print(ends[0].shape), " and ", print(ends[1].shape));
    // The main path is the Add's first input, unless that one has no layers.
    std::size_t main = add.inputs[0] == ends[0].name ? 0 : 1;
    if (sides[main].empty()) main = 1 - main;
    check(!sides[main].empty(), Failure::data, print(add), ": adds a value to itself");
    layers_[begin].node = add.name;
    const auto append = [&](std::vector<OnnxLayer>& side) {
      layers_.insert(layers_.end(), std::make_move_iterator(side.begin()),
                     std::make_move_iterator(side.end()));
    };
    append(sides[main]);
    if (!sides[1 - main].empty()) {
      layers_.push_back({.spec = {.kind = "shortcut"}});
      append(sides[1 - main]);
    }
    layers_.push_back({.spec = {.kind = "end"}});
    flow = {add.outputs[0], ends[0].shape, ends[0].flat};
  }

  void read_node(const OnnxNode& node, OnnxFlow& flow) {
    check(node.outputs.size() == 1 ||
              std::all_of(node.outputs.begin() + 1, node.outputs.end(),
                          [&](const std::string& output) { return !takers_.contains(output); }),
          Failure::data, print(node), ": only its first output may be used");
    check(!ended_, Failure::data, print(node), ": nothing is supported behind a softmax");
    if (node.op == "Softmax" || node.op == "LogSoftmax") return read_softmax(node, flow);
    const std::size_t bias = node.inputs.size() == 2 && node.inputs[0] == flow.name ? 1 : 0;
    if (node.op == "Add" && after_product_ == flow.name && node.inputs.size() == 2) {
      const OnnxTensor& values = known_.reals(node, bias, "the bias");
      count_copies(values.elements());
      read_bias(node, values, layers_.back());
      flow.name = node.outputs[0];
      return;
    }
    OnnxLayer layer = read_layer(node, known_, batch_, flow);
    if (node.op == "MatMul") after_product_ = flow.name;
    for (const auto& [name, tensor] : layer.tensors) count_copies(tensor.elements());
    if (!layer.spec.kind.empty()) layers_.push_back(std::move(layer));
    check(layers_.size() <= most_layers, Failure::data, "more than ", most_layers, " layers");
  }

  // A softmax changes no label, and the loss of training has its own.
  void read_softmax(const OnnxNode& node, OnnxFlow& flow) {
    OnnxAttributeReader attributes(node);
    const std::int64_t axis = attributes.integer("axis", -1);
    attributes.finish();
    check(flow.flat && (axis == 1 || axis == -1), Failure::data, print(node),
          ": expected a softmax over the scores");
    flow.name = node.outputs[0];
    ended_ = true;
  }

  void count_copies(std::int64_t elements) {
    copies_left_ -= elements;
    check(copies_left_ >= 0, Failure::data, "constants that several nodes take are too large");
  }

  // Names as in the file where they can be told apart, else the usual ones.
  void name_layers() {
    AutomaticNames automatic;
    std::set<std::string> taken;
    for (OnnxLayer& layer : layers_) {
      if (layer.spec.kind == "shortcut" || layer.spec.kind == "end") {
        model_.definition.layers.push_back(std::move(layer.spec));
        continue;
      }
      const std::string usual = automatic.next(layer.spec.kind);
      std::string name = word_of(layer.node);
      if (name.empty() || taken.contains(name)) name = usual;
      while (!taken.insert(name).second) name += '_';
      if (name != usual) layer.spec.set("name", name);
      for (auto& [what, tensor] : layer.tensors)
        model_.tensors[name + "." + what] = std::move(tensor);
      model_.definition.layers.push_back(std::move(layer.spec));
    }
  }

  void read_metadata(std::int64_t classes) {
    model_.attributes["precision"] = "float32";
    const auto of = [&](const char* key) {
      const auto found = graph_.metadata.find(key);
      return found == graph_.metadata.end() ? "" : found->second.substr(0, 1 << 20);
    };
    const std::string names = of("classes");
    if (!names.empty() && std::count(names.begin(), names.end(), '\n') + 1 == classes)
      model_.attributes["classes"] = names;
    if (!of("dataset").empty()) model_.attributes["dataset"] = of("dataset");
    model_.attributes["loss"] = of("loss").empty() ? "cross-entropy" : of("loss");
  }

  OnnxGraph graph_;
  KnownValues known_;
  std::map<std::string, std::vector<std::size_t>> takers_;  // of what depends on pictures
  std::int64_t batch_ = -1;
  std::int64_t copies_left_ = most_copied;
  std::vector<OnnxLayer> layers_;
  std::string after_product_;  // the value that a MatMul made last
  bool ended_ = false;
  Model model_;
};

}  // namespace

Model read_onnx(const Bytes& bytes, std::string_view source) try {
  return ModelReader(parse_onnx(bytes)).read();
} catch (const Error& error) {
  // Names out of the file may hold anything.
  std::string reason = std::string(error.what()).substr(0, 400);
  for (char& c : reason)
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  fail(Failure::data, source, ": ", reason);
}

}  // namespace octet

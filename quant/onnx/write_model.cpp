#include <algorithm>

#include "framework/check.h"
#include "framework/layer_names.h"
#include "quant/numbers/quantizer.h"
#include "quant/onnx/graph_file.h"
#include "quant/onnx/graph_parts.h"
#include "quant/onnx/layout.h"
#include "quant/onnx/onnx_file.h"

namespace octet {
namespace {

struct Value {
  std::string name;
  Shape shape;        // H x W x C of an image
  bool flat = false;  // N x C instead of N x C x 1 x 1
};

class ModelWriter {
 public:
  explicit ModelWriter(const Model& model) : model_(model), lines_(model.definition.layers) {}

  OnnxGraph write(const Normalization& normalization) {
    const Definition& definition = model_.definition;
    graph_.name = definition.name;
    add_metadata(graph_, model_.attributes);
    Value value{add_pixels(graph_, definition.input, normalization), definition.input};
    value = write_path(value);
    check(at_ == lines_.size(), Failure::usage, "network ", definition.name, ": '",
          at_ < lines_.size() ? lines_[at_].kind : "", "' without a residual");
    check(value.shape[0] == 1 && value.shape[1] == 1, Failure::usage, "network ", definition.name,
          ": expected an output of 1x1xclasses, got ", print(value.shape));
    value = flatten(value, "scores.flat");
    if (graph_.nodes.back().outputs.front() != value.name)
      add_node(graph_, "Identity", "scores.same", {value.name});
    finish_scores(graph_, value.shape[2]);
    return std::move(graph_);
  }

 private:
  // Layers up to a marker that closes the path, or the last.
  Value write_path(Value value) {
    while (at_ < lines_.size() && lines_[at_].kind != "shortcut" && lines_[at_].kind != "end") {
      const Spec& spec = lines_[at_++];
      SpecReader reader(spec);
      const std::string usual = names_.next(spec.kind), name = reader.word("name", usual);
      try {
        value = spec.kind == "residual" ? write_residual(name, value)
                                        : write_layer(spec, reader, name, value);
      } catch (const Error& error) {
        fail(error.kind, "layer ", name, ": ", error.what());
      }
    }
    return value;
  }

  Value write_residual(const std::string& name, const Value& input) {
    Value main = write_path(input);
    Value shortcut = input;
    if (at_ < lines_.size() && lines_[at_].kind == "shortcut") {
      ++at_;
      shortcut = write_path(input);
    }
    check(at_ < lines_.size() && lines_[at_].kind == "end", Failure::usage,
          "a residual without 'end'");
    ++at_;
    check(main.shape == shortcut.shape, Failure::usage, "the main path gives ", print(main.shape),
          ", the shortcut ", print(shortcut.shape));
    if (main.flat != shortcut.flat) {  // one of them has passed a linear layer
      Value& image = main.flat ? shortcut : main;
      image = flatten(image, name + ".flat");
    }
    return {add_node(graph_, "Add", name, {main.name, shortcut.name}), main.shape, main.flat};
  }

  Value write_layer(const Spec& spec, SpecReader& reader, const std::string& name,
                    const Value& input) {
    if (spec.kind == "dropout") return input;
    if (spec.kind == "relu")
      return {add_node(graph_, "Relu", name, {input.name}), input.shape, input.flat};
    if (spec.kind == "gelu") return write_gelu(name, input);
    if (spec.kind == "scale") {
      const auto factor = static_cast<float>(reader.real("factor", 1e-6, 1e6, 1.0));
      const std::string constant = add_reals(graph_, name + ".factor", {}, {factor});
      return {add_node(graph_, "Mul", name, {input.name, constant}), input.shape, input.flat};
    }
    if (spec.kind == "linear") return write_linear(reader, name, input);
    if (spec.kind == "batch_norm") return write_batch_norm(reader, name, input);
    check(!input.flat, Failure::usage, "ONNX has no ", spec.kind, " behind a linear layer");
    if (spec.kind == "convolution") return write_convolution(reader, name, input);
    if (spec.kind == "max_pool") return write_pool("MaxPool", reader, name, input);
    if (spec.kind == "average_pool") return write_pool("AveragePool", reader, name, input);
    if (spec.kind == "global_average_pool")
      return {add_node(graph_, "GlobalAveragePool", name, {input.name}), {1, 1, input.shape[2]}};
    fail(Failure::usage, "a layer of kind ", spec.kind, " has no form in ONNX");
  }

  // x / (1 + e^(-2u)) with 2u = x (linear + cubic x^2), as in layers/gelu.cpp: this opset has no
  // GELU.
  Value write_gelu(const std::string& name, const Value& input) {
    const auto node = [&](const char* op, const char* what, std::vector<std::string> inputs) {
      return add_node(graph_, op, name + what, std::move(inputs));
    };
    const std::string linear = add_reals(graph_, name + ".linear", {}, {gelu_linear}),
                      cubic = add_reals(graph_, name + ".cubic", {}, {gelu_cubic}),
                      squares = node("Mul", ".squares", {input.name, input.name}),
                      factors = node("Add", ".factors",
                                     {node("Mul", ".cubes", {squares, cubic}), linear}),
                      gates =
                          node("Sigmoid", ".gates", {node("Mul", ".twice", {input.name, factors})});
    return {node("Mul", "", {input.name, gates}), input.shape, input.flat};
  }

  Value write_convolution(SpecReader& reader, const std::string& name, const Value& input) {
    const std::int64_t k = reader.integer("channels", 1, 1 << 16),
                       size = reader.integer("kernel", 1, 1 << 10),
                       stride = reader.integer("stride", 1, 1 << 10, 1),
                       padding = reader.integer("padding", 0, 1 << 10, 0),
                       groups = reader.integer("groups", 1, 1 << 16, 1),
                       channels = input.shape[2] / groups;
    const Shape output{(input.shape[0] + 2 * padding - size) / stride + 1,
                       (input.shape[1] + 2 * padding - size) / stride + 1, k};
    const Tensor weight = tensor(name + ".weight", {k, size, size, channels});
    std::vector<std::string> inputs = {
        input.name, add_reals(graph_, name + ".weight", {k, channels, size, size},
                              channels_first(weight.floats(), k, size * size, channels))};
    add_bias(reader, name, k, inputs);
    return {add_node(graph_, "Conv", name, inputs,
                     {{"kernel_shape", std::vector<std::int64_t>{size, size}},
                      {"strides", std::vector<std::int64_t>{stride, stride}},
                      {"pads", pads(padding, padding, padding, padding)},
                      {"group", groups}}),
            output};
  }

  Value write_linear(SpecReader& reader, const std::string& name, const Value& input) {
    const std::int64_t units = reader.integer("units", 1, 1 << 20), c = input.shape[2],
                       positions = input.shape[0] * input.shape[1];
    const Tensor weight = tensor(name + ".weight", {units, positions * c});
    std::vector<std::string> inputs = {
        flatten(input, name + ".flat").name,
        add_reals(graph_, name + ".weight", {units, c * positions},
                  channels_first(weight.floats(), units, positions, c))};
    add_bias(reader, name, units, inputs);
    return {
        add_node(graph_, "Gemm", name, inputs, {{"transB", std::int64_t{1}}}), {1, 1, units}, true};
  }

  Value write_batch_norm(SpecReader& reader, const std::string& name, const Value& input) {
    const double momentum = reader.real("momentum", 0, 1, 0.1),
                 epsilon = reader.real("epsilon", 1e-12, 1, 1e-5);
    std::vector<std::string> inputs = {input.name};
    for (const char* what : {"gamma", "beta", "running_mean", "running_variance"})
      inputs.push_back(add_vector(name + "." + what, input.shape[2]));
    return {add_node(graph_, "BatchNormalization", name, inputs,
                     {{"epsilon", static_cast<float>(epsilon)},
                      // ONNX's is the share of what was there before.
                      {"momentum", static_cast<float>(1 - momentum)}}),
            input.shape, input.flat};
  }

  Value write_pool(const std::string& op, SpecReader& reader, const std::string& name,
                   const Value& input) {
    const std::int64_t window = reader.integer("window", 1, 1 << 10),
                       stride = reader.integer("stride", 1, 1 << 10, window);
    const bool ceil_mode = reader.integer("ceil_mode", 0, 1, 1) != 0;
    const auto extent = [&](std::int64_t in) { return pool_extent(in, window, stride, ceil_mode); };
    const Shape output{extent(input.shape[0]), extent(input.shape[1]), input.shape[2]};
    return {add_node(graph_, op, name, {input.name},
                     pool_attributes(window, stride, input.shape, output)),
            output};
  }

  // N x C x H x W -> N x (C H W)
  Value flatten(const Value& input, const std::string& name) {
    if (input.flat) return input;
    return {add_node(graph_, "Flatten", name, {input.name}, {{"axis", std::int64_t{1}}}),
            input.shape, true};
  }

  void add_bias(SpecReader& reader, const std::string& name, std::int64_t outputs,
                std::vector<std::string>& inputs) {
    if (reader.integer("bias", 0, 1, 1) == 1) inputs.push_back(add_vector(name + ".bias", outputs));
  }

  std::string add_vector(const std::string& name, std::int64_t elements) {
    const Tensor values = tensor(name, {elements});
    return add_reals(graph_, name, {elements}, {values.floats(), values.floats() + elements});
  }

  // In float32, whether it is stored so or as codes.
  Tensor tensor(const std::string& name, const Shape& shape) const {
    const auto found = model_.tensors.find(name);
    check(found != model_.tensors.end(), Failure::data, "the tensor ", name, " is missing");
    const Tensor& stored = found->second;
    check(stored.shape() == shape &&
              (stored.element() == Element::float32 || stored.element() == Element::int8),
          Failure::data, "tensor ", name, ": expected ", print(shape), " float32 or int8, got ",
          print(stored.shape()), " ", name_of(stored.element()));
    if (stored.element() == Element::float32) return stored;
    Tensor reals;
    decode(stored, reals);
    return reals;
  }

  const Model& model_;
  const std::vector<Spec>& lines_;
  std::size_t at_ = 0;
  AutomaticNames names_;
  OnnxGraph graph_;
};

}  // namespace

Bytes write_onnx(const Model& model, const Normalization& normalization) {
  return serialize_onnx(ModelWriter(model).write(normalization));
}

}  // namespace octet

// What other programs write: forms that mean a layer, forms that are refused, files that do harm.
#include <cmath>

#include "tests/quant/onnx/helpers.h"

using namespace octet;
using namespace octet::test;

namespace {

using Integers = std::vector<std::int64_t>;

OnnxTensor reals(Integers dims, std::uint64_t key = 1) {
  std::int64_t count = 1;
  for (const std::int64_t extent : dims) count *= extent;
  const Tensor values = random_tensor({count}, key);
  return onnx_tensor(OnnxTensor::Type::float32, std::move(dims), values.floats(),
                     static_cast<std::size_t>(count));
}

OnnxTensor integers(const Integers& values) {
  return onnx_tensor(OnnxTensor::Type::int64, {static_cast<std::int64_t>(values.size())},
                     values.data(), values.size());
}

// A 3 x 8 x 8 -> 4 x 8 x 8 convolution `c`, the nodes, and a product `fc` of 4 values at the end.
struct Sketch {
  OnnxGraph graph;

  Sketch() {
    graph.name = "net";
    graph.inputs = {{.name = "x", .dims = {-1, 3, 8, 8}}};
    graph.constants["w"] = reals({4, 3, 3, 3});
    add("Conv", "c", {"x", "w"}, {{"pads", Integers{1, 1, 1, 1}}});
  }
  Sketch& add(const std::string& op, const std::string& name, std::vector<std::string> inputs,
              std::map<std::string, OnnxAttribute> attributes = {}) {
    graph.nodes.push_back({op, name, std::move(inputs), {name}, std::move(attributes)});
    return *this;
  }
  // From N x 4 x ... to two scores.
  Sketch& finish(const std::string& from) {
    graph.constants["wf"] = reals({2, 4});
    add("GlobalAveragePool", "gap", {from}).add("Flatten", "flat", {"gap"});
    add("Gemm", "fc", {"flat", "wf"}, {{"transB", std::int64_t{1}}});
    return output("fc");
  }
  Sketch& output(const std::string& name) {
    graph.outputs = {{.name = name, .dims = {-1, 2}}};
    return *this;
  }
  Bytes bytes() const { return serialize_onnx(graph); }
  Model model() const { return read_onnx(bytes(), "net.onnx"); }
};

std::string kinds(const Model& model) {
  std::string all;
  for (const Spec& spec : model.definition.layers) all += (all.empty() ? "" : " ") + spec.kind;
  return all;
}

void refuses(const Sketch& sketch, const std::string& words) {
  const std::string line = refusal(sketch.bytes());
  CAPTURE(line);
  CAPTURE(words);
  CHECK(line.find(words) != std::string::npos);
}

}  // namespace

TEST_CASE("onnx: other ways to say a layer") {
  Sketch sketch;
  sketch.add("Identity", "i", {"c"}).add("Relu", "r", {"i"}).add("Dropout", "d", {"r"});
  sketch.add("ReduceMean", "mean", {"d"},
             {{"axes", Integers{-1, -2}}, {"keepdims", std::int64_t{0}}});
  sketch.graph.constants["wm"] = reals({4, 2});
  sketch.graph.constants["b"] = reals({2});
  sketch.add("MatMul", "m", {"mean", "wm"}).add("Add", "biased", {"b", "m"});
  sketch.add("Softmax", "p", {"biased"}, {{"axis", std::int64_t{1}}}).output("p");
  const Model model = sketch.model();
  CHECK(kinds(model) == "convolution relu global_average_pool linear");
  // MatMul has inputs x units.
  const OnnxTensor& weight = sketch.graph.constants["wm"];
  CHECK(model.tensors.at("m.weight").floats()[1] == weight.floats()[2]);
  CHECK(model.tensors.contains("m.bias"));
  CHECK(model.attributes.count("mean") == 0);
}

TEST_CASE("onnx: a reshape that flattens") {
  for (const Integers& shape : {Integers{0, -1}, Integers{-1, 256}, Integers{0, 256}}) {
    Sketch sketch;
    sketch.graph.constants["shape"] = integers(shape);
    sketch.graph.constants["wf"] = reals({256, 2});
    sketch.add("Reshape", "flat", {"c", "shape"}).add("MatMul", "fc", {"flat", "wf"}).output("fc");
    CHECK(kinds(sketch.model()) == "convolution linear");
  }
  Sketch sketch;
  sketch.graph.constants["shape"] = integers({-1, 128});
  sketch.graph.constants["wf"] = reals({128, 2});
  sketch.add("Reshape", "flat", {"c", "shape"}).add("MatMul", "fc", {"flat", "wf"}).output("fc");
  refuses(sketch, "node 'flat' (Reshape): expected a shape of N x 256");
}

TEST_CASE("onnx: residual blocks in both orders") {
  for (const bool swapped : {false, true}) {
    Sketch sketch;
    sketch.graph.constants["w2"] = reals({4, 4, 1, 1});
    sketch.add("Conv", "c2", {"c", "w2"});
    if (swapped)
      sketch.add("Add", "sum", {"c", "c2"});
    else
      sketch.add("Add", "sum", {"c2", "c"});
    CHECK(kinds(sketch.finish("sum").model()) ==
          "convolution residual convolution end global_average_pool linear");
  }
  Sketch paths;
  paths.graph.constants["w2"] = reals({4, 4, 1, 1});
  paths.graph.constants["w3"] = reals({4, 4, 1, 1}, 3);
  paths.add("Conv", "c2", {"c", "w2"})
      .add("Conv", "c3", {"c", "w3"})
      .add("Add", "sum", {"c3", "c2"});
  const Model model = paths.finish("sum").model();
  CHECK(kinds(model) ==
        "convolution residual convolution shortcut convolution end global_average_pool linear");
  CHECK(*model.definition.layers[2].find("name") == "c3");
}

TEST_CASE("onnx: what no layer does is refused by the node's name") {
  const auto behind = [](const std::string& op, std::map<std::string, OnnxAttribute> attributes,
                         const std::string& words) {
    Sketch sketch;
    sketch.add(op, "odd", {"c"}, std::move(attributes)).finish("odd");
    refuses(sketch, "node 'odd' (" + op + "): " + words);
  };
  const Integers two = {2, 2}, three = {3, 3};
  behind("Sigmoid", {}, "no layer does this");
  behind("Softmax", {}, "expected a softmax over the scores");
  behind("MaxPool", {{"kernel_shape", two}, {"strides", two}, {"pads", Integers{0, 0, 9, 9}}},
         "windows of which some");
  behind("MaxPool", {{"kernel_shape", Integers{2, 3}}}, "kernel_shape: expected the same two");
  behind("MaxPool", {{"kernel_shape", two}, {"dilations", two}}, "dilations: expected 1");
  behind("MaxPool", {{"kernel_shape", three}, {"pads", Integers{1, 1, 1, 1}}, {"strides", two}},
         "padding before the first row");
  behind("AveragePool",
         {{"kernel_shape", three},
          {"strides", two},
          {"pads", Integers{0, 0, 1, 1}},
          {"count_include_pad", std::int64_t{1}}},
         "a mean over windows that are cut off");
  behind("ReduceMean", {{"axes", Integers{1}}}, "expected a mean over height and width");

  const auto convolution = [](std::map<std::string, OnnxAttribute> attributes, Integers weights,
                              const std::string& words) {
    Sketch sketch;
    sketch.graph.constants["w2"] = reals(std::move(weights));
    sketch.add("Conv", "odd", {"c", "w2"}, std::move(attributes)).finish("odd");
    refuses(sketch, "node 'odd' (Conv): " + words);
  };
  convolution({{"pads", Integers{0, 0, 1, 1}}}, {4, 4, 3, 3}, "expected the same padding");
  convolution({{"dilations", two}}, {4, 4, 3, 3}, "dilations: expected 1");
  convolution({{"strides", Integers{1, 2}}}, {4, 4, 3, 3}, "strides: expected the same two");
  convolution({}, {4, 4, 3, 1}, "expected a square kernel, got 3x1");
  convolution({{"auto_pad", std::string("SAME_UPPER")}}, {4, 4, 2, 2}, "auto_pad=SAME_UPPER pads");
  Sketch same;
  same.graph.constants["w2"] = reals({4, 4, 3, 3});
  same.add("Conv", "even", {"c", "w2"}, {{"auto_pad", std::string("SAME_LOWER")}}).finish("even");
  CHECK(*same.model().definition.layers[1].find("padding") == "1");
}

TEST_CASE("onnx: graphs that are no classifier are refused") {
  Sketch constant;
  constant.graph.constants["one"] = reals({1});
  constant.add("Add", "odd", {"c", "one"}).finish("odd");
  refuses(constant, "node 'odd' (Add): a constant is only added behind a MatMul");
  Sketch twice;
  twice.add("Add", "odd", {"c", "c"}).finish("odd");
  refuses(twice, "value 'c' goes to 2 places");
  Sketch open;
  open.add("Relu", "side", {"c"}).add("Relu", "odd", {"c"}).finish("odd");
  refuses(open, "the two paths from value 'c' do not meet in one Add");
  Sketch range;
  range.graph.nodes.clear();
  range.graph.constants["d"] = reals({1});
  range.add("Div", "share", {"x", "d"})
      .add("Conv", "c", {"share", "w"}, {{"pads", Integers{1, 1, 1, 1}}});
  refuses(range.finish("c"), "node 'share' (Div): expected pixels divided by 255");
  Sketch infinite;
  const float infinity = INFINITY;
  std::memcpy(infinite.graph.constants["w"].bytes.data(), &infinity, sizeof infinity);
  refuses(infinite.finish("c"), "node 'c' (Conv): its weights: expected finite numbers");
  Sketch images;
  images.graph.outputs = {{.name = "c", .dims = {-1, 4, 8, 8}}};
  refuses(images, "expected scores of N x classes, got images of 8x8x4");
  Sketch dims;
  dims.graph.inputs[0].dims = {-1, 3, -1, 8};
  refuses(dims.finish("c"), "expected channels, height and width from 1 to 4096, got -1");
  CHECK(refusal({}) == "net.onnx: not an ONNX file");
  CHECK(refusal(Bytes(100, 0x7b)) == "net.onnx: not an ONNX file");
}

TEST_CASE("onnx: bytes that are cut or changed are read or refused, never more") {
  const Bytes good = Sketch().add("Relu", "r", {"c"}).finish("r").bytes();
  REQUIRE(refusal(good).empty());
  for (std::size_t size = 0; size < good.size(); ++size)
    refusal(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)));
  int read = 0;
  for (std::size_t at = 0; at < good.size(); ++at)
    for (const int bit : {0, 3, 7}) {
      Bytes bad = good;
      bad[at] = static_cast<std::uint8_t>(bad[at] ^ (1 << bit));
      if (refusal(bad).empty()) ++read;
    }
  CHECK(read > 0);  // a weight's bits
}

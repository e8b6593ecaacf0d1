// Networks in integers between QuantizeLinear and DequantizeLinear. That runtimes get the same
// codes is tested by tests/run.sh --clients.
#include "quant/onnx/integer_graph.h"

#include <cmath>

#include "framework/training.h"
#include "layers/losses.h"
#include "layers/lower.h"
#include "optim/sgd.h"
#include "tests/quant/onnx/helpers.h"

using namespace octet;
using namespace octet::test;

namespace {

const char* const text =
    "network name=net input=8x8x3\n"
    "convolution channels=4 kernel=3 padding=1 bias=0\nbatch_norm\nrelu\n"
    "residual\nconvolution channels=4 kernel=3 padding=1\nend\nrelu\n"
    "max_pool window=3 stride=2\nlinear units=5\nrelu\ngelu\nlinear units=3\nscale factor=0.5\n";

IntegerNetwork network_in_integers() {
  const std::string precision = "integer-arithmetic-only";
  Model model = random_model(text, precision);
  Network network = build_network(model);
  Sgd optimizer(network.parameters(), {});
  Tensor error;
  for (std::uint64_t step = 0; step < 3; ++step) {
    const Pass pass{.training = true, .seed = 1, .step = step};
    const Tensor batch = random_tensor(network.input().with_front(4), step + 1);
    SoftmaxCrossEntropy().evaluate(network.forward(batch, pass), {0, 1, 2, 0}, &error);
    network.backward(error, pass);
    optimizer.step(0.001f);
  }
  return lower(network, precision);
}

const OnnxNode& node_named(const OnnxGraph& graph, const std::string& name) {
  for (const OnnxNode& node : graph.nodes)
    if (node.name == name) return node;
  FAIL("no node " << name);
  return graph.nodes.front();
}

}  // namespace

TEST_CASE("onnx: integer networks: every edge has a QuantizeLinear of its name") {
  const IntegerNetwork network = network_in_integers();
  const OnnxDescription description{normalization_for({8, 8, 3}), {{"classes", "a\nb\nc"}}};
  const OnnxGraph graph =
      integer_graph(network.name(), network.edges(), network.stages(), description, true);
  REQUIRE(graph.outputs.size() == network.edges().size());
  CHECK(graph.outputs[0].name == "scores");
  for (const Edge& edge : network.edges()) {
    CAPTURE(edge.name);
    if (edge.element == Element::int32) continue;  // the last product stays in reals
    CHECK(node_named(graph, edge.name).op == (edge.name == "gelu1" ? "Gather" : "QuantizeLinear"));
    CHECK(graph.constants.at(edge.name + ".scale").floats()[0] == edge.scale);
    CHECK(graph.constants.at(edge.name + ".zero_point").bytes[0] == edge.zero_point);
  }
  CHECK(node_named(graph, "conv1.rectified").op == "Relu");
  CHECK(graph.nodes.back().outputs[0] == "scores");
  CHECK(graph.metadata.at("classes") == "a\nb\nc");
  // The checker has nothing against it, with the edges and without.
  CHECK(write_onnx(network, description).size() < write_onnx(network, description, true).size());
}

TEST_CASE("onnx: integer networks: weights and biases are the stages' own codes") {
  const IntegerNetwork network = network_in_integers();
  const OnnxGraph graph = integer_graph(network.name(), network.edges(), network.stages(),
                                        {normalization_for({8, 8, 3}), {}}, false);
  CHECK(graph.outputs.size() == 1);
  for (const Stage& stage : network.stages()) {
    if (stage.weights.empty()) continue;
    CAPTURE(stage.name);
    const OnnxTensor& codes = graph.constants.at(stage.name + ".weight.codes");
    CHECK(codes.elements() == stage.weights.elements());
    CHECK(codes.bytes.front() == static_cast<std::uint8_t>(stage.weights.data<std::int8_t>()[0]));
    const OnnxTensor& bias = graph.constants.at(stage.name + ".bias.codes");
    CHECK(std::memcmp(bias.bytes.data(), stage.bias.data(), bias.bytes.size()) == 0);
    const float scale = graph.constants.at(stage.name + ".bias.scale").floats()[1];
    CHECK(scale == network.edges()[stage.input].scale * stage.weights.scales[1]);
  }
  const OnnxTensor& table = graph.constants.at("gelu1.table");
  CHECK(table.bytes == network.stages()[5].table);
  CHECK(node_named(graph, "gelu1").inputs[0] == "gelu1.table");
  CHECK(graph.constants.at("fc2.factor").floats()[0] == 0.5f);
  CHECK(node_named(graph, "fc2.scaled").outputs[0] == "scores");
  // From rows x columns x channels to channels first: the second value of channel 0 is a column on.
  const Stage& linear = network.stages()[4];
  REQUIRE(linear.kind == Stage::Kind::linear);
  CHECK(static_cast<std::int8_t>(graph.constants.at("fc1.weight.codes").bytes[1]) ==
        linear.weights.data<std::int8_t>()[4]);
}

TEST_CASE("onnx: a network in integers is not read back") {
  const std::string line =
      refusal(write_onnx(network_in_integers(), {normalization_for({8, 8, 3}), {}}));
  CHECK(line.find("initialiser 'conv1.bias.codes': expected elements float32 or int64") !=
        std::string::npos);
}

#include "layers/residual.h"

#include "layers/activations.h"
#include "layers/build.h"
#include "layers/convolution.h"
#include "layers/weighted_layer.h"
#include "tests/gradient_check.h"

using namespace octet;
using namespace octet::test;

namespace {

Network block(const std::string& lines) {
  Network network = build_network(parse_definition("network name=n input=6x6x3\n" + lines, "test"));
  network.initialize(1);
  return network;
}

const char* const projected =
    "relu\n"
    "residual\n"
    "convolution channels=4 kernel=3 stride=2 padding=1\n"
    "shortcut\n"
    "convolution channels=4 kernel=1 stride=2 bias=0\n"
    "end\n";

}  // namespace

TEST_CASE("residual: backward is the derivative of forward") {
  for (const char* lines :
       {"relu\nresidual\nconvolution channels=3 kernel=3 padding=1\nend\n", projected,
        "relu\nresidual\nrelu\nresidual\nconvolution channels=3 kernel=1\nend\nend\n"}) {
    CAPTURE(lines);
    const Network network = block(lines);
    check_gradients(*network.layers()[1], random_tensor({2, 6, 6, 3}, 3), {.training = true});
  }
}

TEST_CASE("residual: the sum of both paths") {
  Network network = block(projected);
  const Tensor x = random_tensor({2, 6, 6, 3}, 4);
  const std::vector<Layer*> leaves = network.leaves();
  REQUIRE(leaves.size() == 3);
  const Tensor main = leaves[1]->forward(x, {}), shortcut = leaves[2]->forward(x, {});
  const Tensor& sum = network.layers()[1]->forward(x, {});
  for (std::int64_t i = 0; i < sum.elements(); ++i)
    CHECK(sum.floats()[i] == main.floats()[i] + shortcut.floats()[i]);
}

TEST_CASE("residual: as the first layer it sets all gradients and passes no error on") {
  const std::string conv = "convolution channels=3 kernel=3 padding=1\n";
  for (const std::string& lines :
       {"residual\n" + conv + "end\n", "residual\nbatch_norm\nshortcut\n" + conv + "end\n"}) {
    Network network = block(lines);
    const Tensor x = random_tensor({2, 6, 6, 3}, 4), e = random_tensor({2, 6, 6, 3}, 5);
    network.forward(x, {.training = true});
    network.layers()[0]->want_input_error(false);
    CHECK(network.layers()[0]->backward(e, {.training = true}).empty());
    for (const Parameter* parameter : network.parameters()) {
      double size = 0;
      for (std::int64_t i = 0; i < parameter->gradient.elements(); ++i)
        size += std::abs(static_cast<double>(parameter->gradient.floats()[i]));
      CAPTURE(parameter->name);
      CHECK(size > 0);
    }
  }
}

TEST_CASE("residual: precision reaches the weighted layers within") {
  Network network = block(projected);
  set_precision(network, parse_precision("int8"));
  for (Layer* layer : network.leaves())
    if (const auto* weighted = dynamic_cast<WeightedLayer*>(layer))
      CHECK(weighted->precision() == parse_precision("int8"));
  CHECK(network.state().size() == 4);
}

#include "framework/network.h"

#include "examples/networks/networks.h"
#include "framework/check.h"
#include "layers/build.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

TEST_CASE("network: layers are named in order, own names are kept through the definition") {
  const Network network = build_network(parse_definition(
      "network name=n input=12x12x1\nconvolution channels=2 kernel=3\nrelu\n"
      "convolution channels=3 kernel=3 name=middle\nmax_pool window=2\nlinear units=4\n",
      "test"));
  std::vector<std::string> names;
  for (const auto& layer : network.layers()) names.push_back(layer->name());
  CHECK(names == std::vector<std::string>{"conv1", "relu1", "middle", "pool1", "fc1"});
  const Network again = build_network(network.definition());
  CHECK(again.layers()[2]->name() == "middle");
  CHECK(again.definition() == network.definition());
  CHECK(network.output() == Shape{1, 1, 4});
}

TEST_CASE("network: shapes that do not fit are refused with the layer's name") {
  const auto build = [](const char* layers) {
    build_network(parse_definition(std::string("network name=n input=6x6x2\n") + layers, "test"));
  };
  CHECK_THROWS_WITH_AS(
      build("convolution channels=2 kernel=7\n"),
      "network n, layer conv1: a kernel of 7 with padding 0 does not fit an input of 6x6x2", Error);
  CHECK_THROWS_AS(build("convolution channels=3 kernel=3 groups=2\n"), Error);
  CHECK_THROWS_AS(build("convolution channels=3 kernel=3 padding=3\n"), Error);
  CHECK_THROWS_AS(build("max_pool window=7\n"), Error);
  CHECK_THROWS_AS(build("linear units=1000000 \nlinear units=1000000\n"), Error);
  CHECK_THROWS_AS(build("relu name=a\nrelu name=a\n"), Error);
  CHECK_THROWS_AS(build("swish\n"), Error);
  CHECK_THROWS_AS(build("linear units=3 init=best\n"), Error);
}

TEST_CASE("network: snapshot and restore are inverses, and refuse what does not fit") {
  Network a = build_network(zoo_network("lenet5", {28, 28, 1}, 10));
  set_precision(a, parse_precision("int8"));
  a.initialize(1);
  Model model = a.snapshot();
  model.attributes["precision"] = "int8";
  CHECK(model.parameters() == 431080);
  Network b = build_network(model);
  const Tensor x = random_tensor({3, 28, 28, 1}, 5);
  const Tensor ya = a.forward(x, {}), yb = b.forward(x, {});
  CHECK(same_bits(ya, yb));
  a.initialize(2);
  const Tensor yc = a.forward(x, {});
  CHECK_FALSE(same_bits(ya, yc));
  a.initialize(1);
  const Tensor yd = a.forward(x, {});
  CHECK(same_bits(ya, yd));

  model.tensors["fc1.bias"].resize({7});
  CHECK_THROWS_WITH_AS(b.restore(model), "tensor fc1.bias: expected 500 float32, got 7 float32",
                       Error);
  model.tensors.erase("fc1.bias");
  CHECK_THROWS_AS(b.restore(model), Error);
}

#include "framework/network.h"

#include <algorithm>
#include <map>

#include "examples/networks/networks.h"
#include "framework/check.h"
#include "layers/build.h"
#include "quant/numbers/precision.h"
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

namespace {
const char* const nested =
    "network name=n input=8x8x4\n"
    "residual\n"
    "convolution channels=6 kernel=3 stride=2 padding=1 bias=0\n"
    "batch_norm momentum=0.25 epsilon=0.001\n"
    "residual name=inner\n"
    "relu\n"
    "convolution channels=6 kernel=1\n"
    "end\n"
    "shortcut\n"
    "convolution channels=6 kernel=1 stride=2 bias=0\n"
    "batch_norm\n"
    "end\n"
    "relu\n"
    "global_average_pool\n"
    "linear units=3\n";
}

TEST_CASE("network: blocks are named in the order of the text and read back") {
  const Network network = build_network(parse_definition(nested, "test"));
  std::vector<std::string> names;
  for (const Layer* layer : network.leaves()) names.push_back(layer->name());
  CHECK(names == std::vector<std::string>{"conv1", "bn1", "relu1", "conv2", "conv3", "bn2", "relu2",
                                          "pool1", "fc1"});
  CHECK(network.layers()[0]->name() == "residual1");
  CHECK(print(network.definition()) == nested);
  std::vector<std::string> parameters;
  for (const Parameter* parameter : network.parameters()) parameters.push_back(parameter->name);
  CHECK(parameters == std::vector<std::string>{"conv1.weight", "bn1.gamma", "bn1.beta",
                                               "conv2.weight", "conv2.bias", "conv3.weight",
                                               "bn2.gamma", "bn2.beta", "fc1.weight", "fc1.bias"});
  CHECK(network.state().size() == 4);
  CHECK(network.snapshot().parameters() == 216 + 12 + 42 + 24 + 12 + 21);
}

TEST_CASE("network: what is wrong with blocks is said with the layer's number or name") {
  const auto build = [](const std::string& layers) {
    build_network(parse_definition("network name=n input=8x8x4\n" + layers, "test"));
  };
  CHECK_THROWS_WITH_AS(build("relu\nend\n"), "network n, layer 2: 'end' without a residual", Error);
  CHECK_THROWS_WITH_AS(build("shortcut\n"), "network n, layer 1: 'shortcut' without a residual",
                       Error);
  CHECK_THROWS_WITH_AS(build("relu\nresidual\nrelu\n"),
                       "network n, layer 2: a residual without 'end'", Error);
  CHECK_THROWS_WITH_AS(build("residual\nrelu\nshortcut\n"),
                       "network n, layer 1: a residual without 'end'", Error);
  CHECK_THROWS_WITH_AS(build("residual\nend\n"),
                       "network n, layer 2: a residual's main path has no layers", Error);
  CHECK_THROWS_WITH_AS(build("residual\nrelu\nshortcut\nend\n"),
                       "network n, layer 4: a shortcut has no layers; without its line it is the "
                       "identity",
                       Error);
  CHECK_THROWS_WITH_AS(build("residual\nrelu\nshortcut\nrelu\nshortcut\nrelu\nend\n"),
                       "network n, layer 5: a residual has one shortcut, got another", Error);
  CHECK_THROWS_WITH_AS(build("residual\nrelu\nend name=a\n"),
                       "network n, layer 3: end takes no attributes", Error);
  CHECK_THROWS_WITH_AS(build("residual\nrelu\nend\nresidual\nmax_pool window=2\nend\n"),
                       "network n, layer residual2: the main path gives 4x4x4, the shortcut 8x8x4",
                       Error);
  CHECK_THROWS_WITH_AS(build("residual\nconvolution channels=4 kernel=9\nend\n"),
                       "network n, layer residual1: layer conv1: a kernel of 9 with padding 0 does "
                       "not fit an input of 8x8x4",
                       Error);
  CHECK_THROWS_WITH_AS(build("residual\nrelu name=a\nend\nrelu name=a\n"),
                       "network n: two layers are called a", Error);
  std::string deep;
  for (int i = 0; i < 2000; ++i) deep += "residual\n";
  CHECK_THROWS_WITH_AS(
      build(deep), "network n, layer 17: more than 16 residual blocks within each other", Error);
}

TEST_CASE("network: snapshot and restore keep blocks and running statistics") {
  Network a = build_network(parse_definition(nested, "test"));
  a.initialize(3);
  const Tensor x = random_tensor({5, 8, 8, 4}, 7);
  a.forward(x, {.training = true});
  Model model = a.snapshot();
  model.attributes["precision"] = "float32";
  Network b = build_network(model);
  const Tensor ya = a.forward(x, {}), yb = b.forward(x, {});
  CHECK(same_bits(ya, yb));
  CHECK(model.tensors.count("bn1.running_mean") == 1);
  model.tensors.erase("bn2.running_variance");
  CHECK_THROWS_WITH_AS(build_network(model), "the model of n lacks the tensor bn2.running_variance",
                       Error);
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

TEST_CASE("network: what is frozen costs no backward pass and changes no other gradient") {
  for (const char* precision : {"float32", "bfloat16", "int8"}) {
    CAPTURE(precision);
    Network network = build_network(parse_definition(
        "network name=n input=8x8x3\nconvolution channels=8 kernel=3\nrelu\nbatch_norm\n"
        "convolution channels=8 kernel=3\nrelu\nlinear units=3\n",
        "test"));
    set_precision(network, parse_precision(precision));
    network.initialize(1);
    const Tensor images = random_tensor({4, 8, 8, 3}, 1), error = random_tensor({4, 1, 1, 3}, 2);
    const auto gradients = [&](const std::vector<std::string>& frozen) {
      std::map<std::string, Tensor> all;
      for (Parameter* parameter : network.parameters()) {
        parameter->rate = std::count(frozen.begin(), frozen.end(), parameter->name) > 0 ? 0.0f : 1;
        std::fill_n(parameter->gradient.floats(), parameter->gradient.elements(), 77.0f);
      }
      // The same step, so that the same numbers round.
      const Pass pass{.training = true, .seed = 1, .step = 3};
      network.forward(images, pass);
      network.backward(error, pass);
      for (const Parameter* parameter : network.parameters())
        all[parameter->name] = parameter->gradient;
      return all;
    };
    gradients({});  // ranges that are remembered settle on the first batch
    const auto network_now = network.snapshot();
    const auto all = gradients({});
    network.restore(network_now);
    const auto weight = gradients({"conv1.weight"});
    network.restore(network_now);
    const auto low = gradients({"conv1.weight", "conv1.bias", "bn1.gamma", "bn1.beta"});
    network.restore(network_now);
    const auto again = gradients({});
    for (const auto& [name, gradient] : all) {
      CAPTURE(name);
      const bool is_low = name.starts_with("conv1") || name.starts_with("bn1");
      CHECK(gradient.floats()[0] != 77);
      CHECK(same_bits(again.at(name), gradient));
      if (name != "conv1.weight") CHECK(relative_difference(weight.at(name), gradient) < 1e-6);
      if (is_low) {
        CHECK(low.at(name).floats()[0] == 77);
      } else {
        CHECK(same_bits(low.at(name), gradient));
      }
    }
    CHECK(weight.at("conv1.weight").floats()[0] == 77);
  }
}

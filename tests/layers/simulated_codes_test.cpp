#include "layers/simulated_codes.h"

#include "layers/batch_norm.h"
#include "layers/build.h"
#include "layers/convolution.h"
#include "layers/flow.h"
#include "tests/gradient_check.h"

using namespace octet;
using namespace octet::test;

TEST_CASE("simulated codes: values on the grid, errors stopped where values were clipped") {
  SimulatedCodes edge(parse_format("uint8/minmax/smooth"), "edge");
  REQUIRE(edge.on());
  const Pass training{.training = true};
  Tensor wide({4}), values({4}), error({4});
  const float seen[] = {0.0f, 255.0f, 3.0f, 4.0f}, now[] = {-10.0f, 300.0f, 7.4f, 7.6f};
  std::copy_n(seen, 4, wide.floats());
  std::copy_n(now, 4, values.floats());
  for (int i = 0; i < 4; ++i) error.floats()[i] = 1.0f + static_cast<float>(i);
  edge.forward(wide, training);
  const Tensor quantized = edge.forward(values, training);
  CHECK(quantized.floats()[0] == 0);
  CHECK(quantized.floats()[1] == 255);
  CHECK(quantized.floats()[2] == 7);
  CHECK(quantized.floats()[3] == 8);
  const Tensor& passed = edge.backward(error, training);
  CHECK(passed.floats()[0] == 0);
  CHECK(passed.floats()[1] == 0);
  CHECK(passed.floats()[2] == 3);
  CHECK(passed.floats()[3] == 4);
}

TEST_CASE("simulated codes: while ranges are only observed values pass as they are") {
  SimulatedCodes edge(parse_format("uint8/minmax/smooth"), "edge");
  const Tensor values = random_tensor({50}, 1);
  const Pass pass{.training = true, .observes_only = true};
  CHECK(&edge.forward(values, pass) == &values);
  CHECK(&edge.backward(values, pass) == &values);
  CHECK(edge.quantizer().knows_range());
  SimulatedCodes off;
  CHECK_FALSE(off.on());
  CHECK(&off.forward(values, {.training = true}) == &values);
}

TEST_CASE("simulated codes: layers that see the same values remember the same range") {
  Network network = build_network(parse_definition(
      "network name=n input=6x6x3\nconvolution channels=4 kernel=3 padding=1\nrelu\nresidual\n"
      "convolution channels=4 kernel=3 padding=1\nshortcut\nconvolution channels=4 kernel=1\n"
      "end\nrelu\nlinear units=3\n",
      "test"));
  set_precision(network, parse_precision("integer-arithmetic-only"));
  network.initialize(1);
  for (std::uint64_t step = 0; step < 3; ++step)
    network.forward(random_tensor({4, 6, 6, 3}, step), {.training = true, .step = step});
  std::map<std::string, Tensor*> ranges;
  for (const auto& [name, range] : network.state()) ranges[name] = range;
  REQUIRE(ranges.size() == 6);
  CHECK(same_bits(*ranges.at("conv2.activation_range"), *ranges.at("conv3.activation_range")));
  CHECK(ranges.count("residual1.main_activation_range") == 1);
  CHECK(ranges.count("residual1.shortcut_activation_range") == 1);
}

TEST_CASE("batch norm: frozen statistics are the running ones, and their errors pass straight") {
  Network network = build_network(parse_definition(
      "network name=n input=5x5x3\nconvolution channels=3 kernel=1\nbatch_norm\n", "test"));
  network.initialize(1);
  Layer& norm = *network.layers()[1];
  for (std::uint64_t i = 0; i < 5; ++i)
    norm.forward(random_tensor({4, 5, 5, 3}, i, -1, 3), {.training = true});
  const Tensor mean = *norm.state()[0].second;
  const Pass frozen{.training = true, .frozen_statistics = true};
  const Tensor x = random_tensor({4, 5, 5, 3}, 9, -1, 3);
  CHECK(relative_difference(norm.forward(x, frozen), Tensor(norm.forward(x, {}))) < 1e-6);
  CHECK(same_bits(*norm.state()[0].second, mean));
  check_gradients(norm, x, frozen);
}

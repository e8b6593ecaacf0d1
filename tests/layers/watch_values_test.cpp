#include "layers/watch_values.h"

#include <map>

#include "layers/build.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

TEST_CASE("watch_values: every place with a range, by the value that reaches it") {
  Network network = build_network(parse_definition(
      "network name=net input=8x8x3\nconvolution channels=4 kernel=3 padding=1\nrelu\n"
      "residual\nconvolution channels=4 kernel=3 padding=1\nrelu\n"
      "convolution channels=4 kernel=3 padding=1\nend\nrelu\n"
      "residual\nconvolution channels=6 kernel=3 padding=1 stride=2\nshortcut\n"
      "convolution channels=6 kernel=1 stride=2\nend\nmax_pool window=2\n"
      "global_average_pool\nlinear units=5\n",
      "test"));
  network.initialize(1);
  const Tensor images = random_tensor({2, 8, 8, 3}, 1);
  std::map<std::string, std::size_t> numbers;
  std::map<std::string, Tensor> values;
  watch_values(network, images, [&](const Watched& seen) {
    numbers[seen.range] = seen.value;
    values[seen.range] = seen.reals;
  });
  const std::map<std::string, std::size_t> expected = {
      {"conv1.activation_range", 0},
      {"conv2.activation_range", 1},
      {"conv3.activation_range", 2},
      {"residual1.main_activation_range", 3},
      {"residual1.shortcut_activation_range", 1},
      {"conv4.activation_range", 4},
      {"conv5.activation_range", 4},
      {"residual2.main_activation_range", 5},
      {"residual2.shortcut_activation_range", 6},
      {"pool2.activation_range", 7},
      {"fc1.activation_range", 8},
  };
  CHECK(numbers == expected);
  CHECK(same_bits(values.at("conv1.activation_range"), images));
  CHECK(same_bits(values.at("conv2.activation_range"),
                  values.at("residual1.shortcut_activation_range")));

  // What the last layer is given is what it is given without being watched.
  const Tensor scores = network.forward(images, {});
  Tensor last = network.layers().back()->forward(values.at("fc1.activation_range"), {});
  CHECK(same_bits(scores, last));
  for (const auto& layer : network.layers())
    CHECK(has_ranges(*layer) ==
          (layer->name().find("relu") == std::string::npos && layer->name() != "pool1"));
}

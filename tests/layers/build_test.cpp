#include "layers/build.h"

#include <doctest/doctest.h>

#include "examples/networks/networks.h"
#include "framework/check.h"

using namespace octet;

TEST_CASE("build: the zoo has the published numbers of parameters") {
  const auto parameters = [](const char* name, const Shape& input) {
    return build_network(zoo_network(name, input, 10)).snapshot().parameters();
  };
  CHECK(parameters("lenet300", {28, 28, 1}) == 266610);
  CHECK(parameters("lenet5", {28, 28, 1}) == 431080);
  // WAGE counts 12,973,440 weights without biases.
  CHECK(parameters("vgg7", {32, 32, 3}) == 12973440 + 128 * 2 + 256 * 2 + 512 * 2 + 1024 + 10);
  CHECK_THROWS_AS(zoo_network("lenet6", {28, 28, 1}, 10), Error);
}

TEST_CASE("build: the deep networks of the zoo have the expected numbers of parameters") {
  const auto parameters = [](const char* name) {
    return build_network(zoo_network(name, {32, 32, 3}, 10)).snapshot().parameters();
  };
  // Weights as vgg7's; gamma and beta instead of all biases but the last.
  CHECK(parameters("vgg7bn") == 12973440 + 2 * (128 * 2 + 256 * 2 + 512 * 2 + 1024) + 10);
  CHECK(parameters("resnet8") == 78042);
  CHECK(parameters("resnet20") == 272474);
  CHECK(parameters("resnet56") == 855770);
  CHECK(parameters("wrn56-2") == 3407450);
  CHECK(parameters("mobilenet025") == 215642);
}

TEST_CASE("build: the zoo takes other pictures, and each definition is read back as it is") {
  for (const ZooEntry& entry : zoo())
    for (const Shape& input : {Shape{28, 28, 1}, Shape{32, 32, 3}, Shape{96, 96, 3}}) {
      if (entry.name == "wrn56-2" && input[0] > 32) continue;
      CAPTURE(entry.name);
      Network network = build_network(zoo_network(entry.name, input, 7));
      CHECK(network.output() == Shape{1, 1, 7});
      CHECK(parse_definition(print(network.definition()), "again") == network.definition());
      if (entry.name.starts_with("vgg7") || input[0] > 32) continue;
      network.initialize(1);
      Tensor pictures(input.with_front(2));
      pictures.fill_zero();
      CHECK(network.forward(pictures, {}).shape() == Shape{2, 1, 1, 7});
    }
}

TEST_CASE("build: precision is laid over every weighted layer") {
  Network network = build_network(zoo_network("lenet5", {28, 28, 1}, 10));
  CHECK(network.state().empty());
  set_precision(network, parse_precision("int8"));
  CHECK(network.state().size() == 8);
}

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

TEST_CASE("build: precision is laid over every weighted layer") {
  Network network = build_network(zoo_network("lenet5", {28, 28, 1}, 10));
  CHECK(network.state().empty());
  set_precision(network, parse_precision("int8"));
  CHECK(network.state().size() == 4);
}

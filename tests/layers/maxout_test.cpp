#include "layers/maxout.h"

#include "framework/check.h"
#include "layers/build.h"
#include "tests/gradient_check.h"

using namespace octet;
using namespace octet::test;

TEST_CASE("maxout: the largest of its pieces, errors go where it came from") {
  Maxout layer({.pieces = 3});
  CHECK(layer.connect({4, 5, 6}) == Shape{4, 5, 2});
  const Tensor x = random_tensor({2, 4, 5, 6}, 1);
  check_gradients(layer, x, {.training = true});
  const Tensor& y = layer.forward(x, {});
  for (std::int64_t i = 0; i < y.elements(); ++i)
    CHECK(y.floats()[i] == *std::max_element(x.floats() + 3 * i, x.floats() + 3 * i + 3));
  CHECK_THROWS_AS(Maxout({.pieces = 4}).connect({4, 5, 6}), Error);
}

TEST_CASE("maxout: a definition with it, and a bound on weights, prints as it was read") {
  const char* text =
      "network name=small input=2x2x1\nlinear units=6 max_norm=1.9365\nmaxout pieces=3\n"
      "linear units=classes\n";
  const Network network = build_network(parse_definition(text, "test", 4));
  const Definition again = parse_definition(print(network.definition()), "again", 4);
  CHECK(again == network.definition());
  CHECK(print(network.definition()).find("max_norm=1.9365") != std::string::npos);
}

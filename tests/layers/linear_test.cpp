#include "layers/linear.h"

#include "tests/gradient_check.h"

using namespace octet;
using namespace octet::test;

TEST_CASE("linear: backward is the derivative of forward, images are flattened") {
  for (const bool bias : {true, false}) {
    Linear layer({.units = 9, .bias = bias});
    layer.set_name("fc1");
    CHECK(layer.connect({3, 4, 2}) == Shape{1, 1, 9});
    layer.allocate();
    layer.initialize(1);
    check_gradients(layer, random_tensor({5, 3, 4, 2}, 2), {.training = true});
    CHECK(layer.parameters().size() == (bias ? 2 : 1));
  }
}

#include "layers/activations.h"

#include <cmath>

#include "tests/gradient_check.h"

using namespace octet;
using namespace octet::test;

TEST_CASE("relu: derivative, and NaN stays NaN") {
  Relu layer;
  check_gradients(layer, random_tensor({2, 4, 4, 3}, 1), {.training = true});
  Tensor x({1, 1, 1, 3});
  x.floats()[0] = -1;
  x.floats()[1] = 2;
  x.floats()[2] = std::nanf("");
  const Tensor& y = layer.forward(x, {});
  CHECK(y.floats()[0] == 0);
  CHECK(y.floats()[1] == 2);
  CHECK(std::isnan(y.floats()[2]));
}

#include "layers/dropout.h"

#include <cmath>

#include "tests/gradient_check.h"

using namespace octet;
using namespace octet::test;

TEST_CASE("dropout: the same mask backward, the right share, nothing in evaluation") {
  Dropout layer({.rate = 0.25f});
  layer.set_name("dropout1");
  const Pass pass{.training = true, .seed = 1, .step = 2};
  check_gradients(layer, random_tensor({2, 5, 5, 4}, 1, 1, 2), pass);
  const Tensor x = random_tensor({10, 10, 10, 10}, 2, 1, 2);
  const Tensor y = layer.forward(x, pass);
  double zeros = 0;
  for (std::int64_t i = 0; i < y.elements(); ++i) zeros += y.floats()[i] == 0;
  CHECK(std::abs(zeros / 10000 - 0.25) < 4 * std::sqrt(0.25 * 0.75 / 10000));
  CHECK(same_bits(layer.forward(x, {}), x));
}

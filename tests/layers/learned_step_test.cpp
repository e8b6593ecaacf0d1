#include "layers/learned_step.h"

#include <cmath>

#include "layers/linear.h"
#include "quant/numbers/precision.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

TEST_CASE("learned step: the first is 2 mean |v| / sqrt(largest code), gradients are the paper's") {
  Quantizer quantizer(parse_format("int3/learned"), "q");  // codes -3 .. 3
  LearnedStep step(quantizer, "fc1.weight_step");
  Tensor v({5}), codes, error({5});
  const float values[] = {1.0f, -1.0f, 0.3f, 8.0f, -7.0f};
  std::copy(values, values + 5, v.floats());
  step.prepare();
  quantizer.encode(v, {.training = true}, codes);
  step.accept({.training = true});
  CHECK(step.parameter().value.floats()[0] == doctest::Approx(2 * 3.46 / std::sqrt(3.0)));

  step.parameter().value.floats()[0] = 1.0f;
  step.prepare();
  quantizer.encode(v, {.training = true}, codes);
  CHECK(codes.scale() == 1.0f);
  std::fill(error.floats(), error.floats() + 5, 2.0f);
  step.backward(v, codes, error);
  // Inside: code - v = 0, 0, -0.3; clipped: 3, -3.
  CHECK(step.parameter().gradient.floats()[0] == doctest::Approx(2 * -0.3 / std::sqrt(15.0)));
  const float passed[] = {2, 2, 2, 0, 0};
  for (int i = 0; i < 5; ++i) CHECK(error.floats()[i] == passed[i]);
}

TEST_CASE("learned step: layers have it as parameters, from the first training batch on") {
  Linear layer({.units = 6});
  layer.set_name("fc1");
  layer.connect({1, 1, 8});
  layer.allocate();
  layer.initialize(1);
  layer.set_precision(parse_precision("learned-step"));
  REQUIRE(layer.parameters().size() == 4);
  CHECK(layer.parameters()[2]->name == "fc1.weight_step");
  CHECK(layer.parameters()[3]->name == "fc1.activation_step");
  const Tensor x = random_tensor({20, 1, 1, 8}, 3, 0, 1);
  layer.forward(x, {});
  CHECK(layer.parameters()[2]->value.floats()[0] == 0);
  layer.forward(x, {.training = true});
  const float first = layer.parameters()[3]->value.floats()[0];
  CHECK(first > 0);
  layer.backward(random_tensor({20, 1, 1, 6}, 4), {.training = true});
  CHECK(layer.parameters()[3]->gradient.floats()[0] != 0);
  layer.parameters()[3]->value.floats()[0] = 2 * first;
  const Tensor fine = layer.forward(x, {.training = true});
  layer.parameters()[3]->value.floats()[0] = first;
  CHECK_FALSE(same_bits(fine, layer.forward(x, {.training = true})));
}

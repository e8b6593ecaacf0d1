#include "layers/learned_scales.h"

#include <cmath>

#include "layers/build.h"
#include "layers/linear.h"
#include "quant/numbers/precision.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

TEST_CASE(
    "learned scales: the first is 2 mean |v| / sqrt(largest code), gradients are the paper's") {
  Quantizer quantizer(parse_format("int3/learned"), "q");  // codes -3 .. 3
  LearnedScales step(quantizer, "fc1.weight_scales");
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

TEST_CASE("learned scales: layers have it as parameters, from the first training batch on") {
  Linear layer({.units = 6});
  layer.set_name("fc1");
  layer.connect({1, 1, 8});
  layer.allocate();
  layer.initialize(1);
  layer.set_precision(parse_precision("learned-step"));
  REQUIRE(layer.parameters().size() == 4);
  CHECK(layer.parameters()[2]->name == "fc1.weight_scales");
  CHECK(layer.parameters()[3]->name == "fc1.activation_scales");
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

TEST_CASE("learned scales: the first layer of a network learns its input's step, too") {
  Network network = build_network(parse_definition(
      "network name=net input=4x4x2\nlinear units=5\nrelu\nlinear units=3\n", "test"));
  set_precision(network, parse_precision("W=int4/learned,A=int8/learned"));
  network.initialize(1);
  const Tensor images = random_tensor({6, 4, 4, 2}, 3);  // backward reads them again
  network.forward(images, {.training = true});
  network.backward(random_tensor({6, 1, 1, 3}, 4), {.training = true});
  int steps = 0;
  for (const Parameter* parameter : network.parameters())
    if (parameter->name.ends_with(".activation_scales")) {
      CAPTURE(parameter->name);
      CHECK(parameter->gradient.floats()[0] != 0);
      ++steps;
    }
  CHECK(steps == 2);
}

TEST_CASE(
    "learned scales: ternary magnitudes begin as means, steps are those of magnitudes about 1") {
  Quantizer quantizer(parse_format("ternary/trained"), "q");
  LearnedScales scales(quantizer, "fc1.weight_scales");
  Tensor w({6}), seen, error({6});
  const float values[] = {1.0f, 0.5f, 0.04f, -0.05f, -0.3f, -0.1f};  // up to 0.05 of 1: zero
  std::copy(values, values + 6, w.floats());
  scales.prepare();
  quantizer.encode(w, {.training = true}, seen);
  scales.accept({.training = true});
  const float positive = scales.parameter().value.floats()[0];
  const float negative = scales.parameter().value.floats()[1];
  CHECK(positive == 0.75f);
  CHECK(negative == doctest::Approx(0.2));
  const float expected[] = {positive, positive, 0, 0, -negative, -negative};
  for (int i = 0; i < 6; ++i) CHECK(seen.floats()[i] == expected[i]);

  const float errors[] = {1, 2, 3, 4, 5, 6};
  std::copy(errors, errors + 6, error.floats());
  scales.backward(w, seen, error);
  CHECK(scales.parameter().gradient.floats()[0] == positive * positive * 3.0f);
  CHECK(scales.parameter().gradient.floats()[1] == negative * negative * -11.0f);
  const float middle = (positive + negative) / 2;
  const float passed[] = {positive,   2 * positive, 3 * middle,
                          4 * middle, 5 * negative, 6 * negative};
  for (int i = 0; i < 6; ++i) CHECK(error.floats()[i] == passed[i]);
}

#include <cmath>

#include "optim/adam.h"
#include "optim/sgd.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

namespace {

Parameter parameter(float value, float gradient, bool is_weight = true) {
  Parameter p{.name = "w", .value = Tensor({1}), .gradient = Tensor({1}), .is_weight = is_weight};
  p.value.floats()[0] = value;
  p.gradient.floats()[0] = gradient;
  return p;
}

}  // namespace

TEST_CASE("sgd: the formula, by hand") {
  Parameter w = parameter(1, 0.5f), bias = parameter(1, 0.5f, false);
  Sgd sgd({&w, &bias}, {.momentum = 0.9f, .weight_decay = 0.1f});
  sgd.step(0.1f);
  CHECK(w.value.floats()[0] == doctest::Approx(1 - 0.1 * 0.6));
  CHECK(bias.value.floats()[0] == doctest::Approx(1 - 0.1 * 0.5));
  const double w1 = 1 - 0.1 * 0.6;
  sgd.step(0.1f);
  CHECK(w.value.floats()[0] == doctest::Approx(w1 - 0.1 * (0.9 * 0.6 + 0.5 + 0.1 * w1)));
}

TEST_CASE("sgd: Nesterov, rates and decay of single parameters, by hand") {
  Parameter w = parameter(1, 0.5f), bias = parameter(1, 0.5f, false), frozen = parameter(1, 0.5f);
  bias.rate = 4;
  frozen.rate = 0;
  Sgd sgd({&w, &bias, &frozen},
          {.momentum = 0.9f, .weight_decay = 0.1f, .nesterov = true, .decay_biases = true});
  sgd.step(0.1f);
  CHECK(w.value.floats()[0] == doctest::Approx(1 - 0.1 * (0.6 + 0.9 * 0.6)));
  const double d = 0.5 + 0.1 / 4;
  CHECK(bias.value.floats()[0] == doctest::Approx(1 - 0.4 * (d + 0.9 * d)));
  const double w1 = w.value.floats()[0], d1 = 0.5 + 0.1 * w1;
  sgd.step(0.1f);
  CHECK(w.value.floats()[0] == doctest::Approx(w1 - 0.1 * (d1 + 0.9 * (0.9 * 0.6 + d1))));
  CHECK(frozen.value.floats()[0] == 1);
}

TEST_CASE("adam: the first step has the size of the learning rate, whatever the gradient's") {
  for (const float gradient : {1e-4f, 1.0f, 1e4f}) {
    Parameter w = parameter(1, gradient);
    Adam adam({&w}, {});
    adam.step(0.01f);
    CHECK(w.value.floats()[0] == doctest::Approx(0.99).epsilon(1e-4));
  }
  Parameter w = parameter(0, 1);
  Adam adam({&w}, {});
  adam.step(0.1f);
  w.gradient.floats()[0] = -2;
  adam.step(0.1f);
  const double m = (0.9 * 0.1 - 0.1 * 2) / (1 - 0.81),
               v = (0.999 * 0.001 + 0.001 * 4) / (1 - 0.999 * 0.999);
  CHECK(w.value.floats()[0] == doctest::Approx(-0.1 - 0.1 * m / std::sqrt(v)).epsilon(1e-3));
}

TEST_CASE("optimizers: state restored is training continued") {
  Parameter a = parameter(1, 0.5f), b = parameter(1, 0.5f);
  Adam first({&a}, {}), second({&b}, {});
  first.step(0.1f);
  b.value = a.value;
  const auto from = first.state(), to = second.state();
  REQUIRE(from.size() == to.size());
  for (std::size_t i = 0; i < from.size(); ++i) *to[i].second = *from[i].second;
  first.step(0.1f);
  second.step(0.1f);
  CHECK(same_bits(a.value, b.value));
}

TEST_CASE("optimizers: constraints are projected around the step") {
  struct Keep : Constraint {
    void project_gradient(Parameter& p) override { p.gradient.floats()[0] = 2; }
    void project_value(Parameter& p) override { p.value.floats()[0] += 100; }
    void verify(const Parameter&) const override {}
  };
  Parameter w = parameter(1, 0.5f);
  w.constraints.push_back(std::make_shared<Keep>());
  Sgd sgd({&w}, {.momentum = 0});
  sgd.step(0.5f);
  CHECK(w.value.floats()[0] == 1 - 0.5f * 2 + 100);
}

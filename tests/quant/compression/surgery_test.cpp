#include "quant/compression/surgery.h"

#include <doctest/doctest.h>

#include "quant/compression/constraints.h"
#include "quant/compression/pruning.h"
#include "tests/quant/compression/helpers.h"

namespace octet {
namespace {
using namespace compression_test;

// As an optimiser does around its update.
void step(Parameter& parameter, const std::vector<float>& gradient, float rate) {
  for (std::size_t i = 0; i < gradient.size(); ++i) parameter.gradient.floats()[i] = gradient[i];
  for (const auto& constraint : parameter.constraints) constraint->project_gradient(parameter);
  for (std::size_t i = 0; i < gradient.size(); ++i)
    parameter.value.floats()[i] -= rate * parameter.gradient.floats()[i];
  for (const auto& constraint : parameter.constraints) constraint->project_value(parameter);
}

TEST_CASE("surgery: the network sees zeros, the optimiser the weights behind them") {
  Parameter parameter = parameter_of({1, 2, 3, 4});
  const std::vector<Parameter*> parameters{&parameter};
  const auto surgeries = begin_surgery(parameters);
  step(parameter, {1, 1, 1, 1}, 0.5f);
  CHECK(values_of(parameter.value) == std::vector<float>{0.5, 1.5, 2.5, 3.5});
  keep_most_salient(parameters, surgeries, 2);
  CHECK(values_of(parameter.value) == std::vector<float>{0, 0, 2.5, 3.5});
  CHECK(!failure_of([&] { surgeries[0]->verify(parameter); }));

  // The pruned ones train on behind their zeros, and come back when they matter,
  // a little faded.
  step(parameter, {-10, 0, 0, 0}, 1.0f);
  CHECK(values_of(parameter.value) == std::vector<float>{0, 0, 2.5, 3.5});
  keep_most_salient(parameters, surgeries, 2);
  CHECK(values_of(parameter.value) == std::vector<float>{0.99f * 10.5f, 0, 0, 3.5});

  parameter.value.floats()[1] = 1;
  std::string message;
  CHECK(failure_of([&] { surgeries[0]->verify(parameter); }, &message) == Failure::failed);
  CHECK(message == "fc1.weight: expected 0 at element 1, got 1");
  parameter.value.floats()[1] = 0;

  end_surgery(parameters);
  REQUIRE(parameter.constraints.size() == 1);
  step(parameter, {1, 1, 1, 1}, 1.0f);
  CHECK(values_of(parameter.value) == std::vector<float>{0.99f * 10.5f - 1, 0, 0, 2.5});
}

TEST_CASE("surgery: weights live or not over all parameters, by gradients as much as by size") {
  Parameter steep = parameter_of({1, 1, 1}), flat = parameter_of({2, 2, 2});
  flat.name = "fc2.weight";
  const std::vector<Parameter*> parameters{&steep, &flat};
  const auto surgeries = begin_surgery(parameters);
  for (int i = 0; i < 10; ++i) {
    const float sign = i % 2 == 0 ? 1.0f : -1.0f;
    step(steep, {3 * sign, 4 * sign, 5 * sign}, 0);
    step(flat, {sign, sign, 0}, 0);
  }
  keep_most_salient(parameters, surgeries, 4);
  CHECK(density(steep.value) == 1);
  CHECK(density(flat.value) < 0.7);
  keep_most_salient(parameters, surgeries, 1);
  CHECK(values_of(steep.value) == std::vector<float>{0, 0, 1});
  CHECK(density(flat.value) == 0);
  keep_most_salient(parameters, surgeries, 6);
  CHECK(density(flat.value) == 1);
  keep_most_salient(parameters, surgeries, 0);
  CHECK(density(steep.value) == 0);
}

TEST_CASE("surgery: what a mask has pruned begins as pruned") {
  Parameter parameter = parameter_of({1, -5, 3, 4});
  prune(parameter, 0.5);
  REQUIRE(mask_of(parameter));
  const auto surgeries = begin_surgery({&parameter});
  CHECK(!mask_of(parameter));
  step(parameter, {1, 1, 1, 1}, 0.1f);
  CHECK(parameter.value.floats()[0] == 0);
  CHECK(parameter.value.floats()[1] == doctest::Approx(-5.1));
  end_surgery({&parameter});
  CHECK(mask_of(parameter));
}

}  // namespace
}  // namespace octet

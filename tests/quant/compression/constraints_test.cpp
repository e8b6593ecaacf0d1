#include "quant/compression/constraints.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "framework/parallel.h"
#include "tests/quant/compression/helpers.h"

namespace octet {
namespace {
using namespace compression_test;

TEST_CASE("mask: pruned gradients and values become zero, the others stay") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Parameter parameter = parameter_of({1, -2, 3, 4});
  parameter.gradient = parameter_of({nan, 5, -6, 7}).value;
  Mask mask({0, 1, 0, 1});
  std::string message;
  CHECK(failure_of([&] { mask.verify(parameter); }, &message) == Failure::failed);
  CHECK(message.starts_with("fc1.weight: "));
  mask.project_gradient(parameter);
  mask.project_value(parameter);
  CHECK(values_of(parameter.gradient) == std::vector<float>{0, 5, 0, 7});
  CHECK(values_of(parameter.value) == std::vector<float>{0, -2, 0, 4});
  CHECK(!failure_of([&] { mask.verify(parameter); }));
  parameter.value.floats()[0] = -1;
  mask.project_value(parameter);
  CHECK(!std::signbit(parameter.value.floats()[0]));
  CHECK(failure_of([&] { Mask({1, 1}).verify(parameter); }) == Failure::failed);
}

TEST_CASE("shared weights: a gradient is the sum over its cluster, a value that of the first") {
  Parameter parameter = parameter_of({2, 0, 5, 9, 2});
  parameter.gradient = parameter_of({1, 2, 3, 4, 5}).value;
  SharedWeights shared({1, 0, 2, 2, 1}, 3);
  CHECK(shared.clusters() == 3);
  CHECK(failure_of([&] { shared.verify(parameter); }) == Failure::failed);
  shared.project_gradient(parameter);
  shared.project_value(parameter);
  CHECK(values_of(parameter.gradient) == std::vector<float>{6, 0, 7, 7, 6});
  CHECK(values_of(parameter.value) == std::vector<float>{2, 0, 5, 5, 2});
  CHECK(!failure_of([&] { shared.verify(parameter); }));
  parameter.value.floats()[1] = 1;
  CHECK(failure_of([&] { shared.verify(parameter); }) == Failure::failed);
  shared.project_value(parameter);
  CHECK(parameter.value.floats()[1] == 0);
  CHECK(failure_of([] { SharedWeights({4}, 3); }) == Failure::usage);
  Parameter none = parameter_of({});
  SharedWeights empty({}, 0);
  empty.project_gradient(none);
  empty.project_value(none);
  CHECK(!failure_of([&] { empty.verify(none); }));
}

TEST_CASE("shared weights: sums are those of a plain loop in double, for any number of threads") {
  const std::int64_t count = 200000;
  Parameter parameter = normal_parameter(count, 1);
  const Tensor gradient = normal_parameter(count, 2).value;
  Draw draw(3);
  std::vector<std::uint32_t> assignment;
  for (std::int64_t i = 0; i < count; ++i) assignment.push_back(draw.below(18));
  std::vector<double> sums(18);
  for (std::int64_t i = 0; i < count; ++i)
    sums[assignment[static_cast<std::size_t>(i)]] += gradient.floats()[i];
  sums[0] = 0;
  SharedWeights shared(assignment, 17);
  const int before = threads();
  for (const int number : {1, 2, 3, 8}) {
    set_threads(number);
    parameter.gradient = gradient;
    shared.project_gradient(parameter);
    std::int64_t different = 0;
    for (std::int64_t i = 0; i < count; ++i)
      different += parameter.gradient.floats()[i] !=
                   static_cast<float>(sums[assignment[static_cast<std::size_t>(i)]]);
    CHECK(different == 0);
  }
  set_threads(before);
}

}  // namespace
}  // namespace octet

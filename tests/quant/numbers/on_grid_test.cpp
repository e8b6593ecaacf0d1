#include "quant/numbers/on_grid.h"

#include <algorithm>

#include "framework/check.h"
#include "quant/numbers/quantizer.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

TEST_CASE(
    "on_grid: stored values lie on the grid after projection, and verify sees one that does not") {
  Parameter parameter{.name = "fc1.weight", .value = random_tensor({8, 9}, 3)};
  OnGrid constraint(parse_format("int8/step7/stochastic"), "fc1.weight");
  constraint.project_value(parameter);
  CHECK_NOTHROW(constraint.verify(parameter));
  const Tensor before = parameter.value;
  constraint.project_value(parameter);
  CHECK(same_bits(before, parameter.value));
  Parameter clipped{.name = "fc1.weight", .value = random_tensor({8, 9}, 3, -2, 2)};
  for (const char* text : {"f32/clip1", "int8/step6/clip1"}) {
    OnGrid bounded(parse_format(text), "fc1.weight");
    CHECK_THROWS_AS(bounded.verify(clipped), Error);
    Parameter within = clipped;
    bounded.project_value(within);
    CHECK_NOTHROW(bounded.verify(within));
    CHECK(*std::max_element(within.value.floats(), within.value.floats() + 72) == 1.0f);
  }
  parameter.value.floats()[5] += 0.001f;
  CHECK_THROWS_WITH_AS(constraint.verify(parameter),
                       "fc1.weight: a value is not on the grid of int8/step7/stochastic", Error);
}

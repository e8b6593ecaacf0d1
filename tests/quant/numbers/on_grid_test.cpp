#include "quant/numbers/on_grid.h"

#include "framework/check.h"
#include "quant/numbers/quantizer.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

TEST_CASE(
    "on_grid: stored values lie on the grid after projection, and verify sees one that does not") {
  Parameter parameter{.name = "fc1.weight", .value = random_tensor({8, 9}, 3)};
  OnGrid constraint(parse_format("int8/step7/stochastic"));
  constraint.project_value(parameter);
  CHECK_NOTHROW(constraint.verify(parameter));
  const Tensor before = parameter.value;
  constraint.project_value(parameter);
  CHECK(same_bits(before, parameter.value));
  parameter.value.floats()[5] += 0.001f;
  CHECK_THROWS_WITH_AS(constraint.verify(parameter),
                       "fc1.weight: a value is not on the grid of int8/step7/stochastic", Error);
}

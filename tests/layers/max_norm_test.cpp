#include "layers/max_norm.h"

#include "framework/check.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

TEST_CASE("max norm: long rows are scaled back, short ones stay") {
  Parameter weight{.name = "fc1.weight", .value = Tensor({2, 2})};
  const float values[] = {3, 4, 0.3f, 0.4f};
  std::copy(values, values + 4, weight.value.floats());
  MaxNorm bound(1);
  CHECK_THROWS_WITH_AS(bound.verify(weight),
                       "fc1.weight: unit 0 has weights of length 5, expected at most 1", Error);
  bound.project_value(weight);
  CHECK_NOTHROW(bound.verify(weight));
  CHECK(weight.value.floats()[0] == doctest::Approx(0.6));
  CHECK(weight.value.floats()[1] == doctest::Approx(0.8));
  CHECK(weight.value.floats()[2] == 0.3f);
}

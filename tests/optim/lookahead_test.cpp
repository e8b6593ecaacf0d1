#include "optim/lookahead.h"

#include "tests/support.h"

using namespace octet;
using namespace octet::test;

TEST_CASE("lookahead: slow weights follow less and less, and are what is left in the end") {
  Tensor w({2});
  w.fill_zero();
  Lookahead lookahead({{"w", &w}}, {.every = 2, .decay = 0.5});
  const auto set = [&](float value) { w.floats()[0] = w.floats()[1] = value; };
  set(1);
  lookahead.after_step(1, 4);  // not yet
  CHECK(w.floats()[0] == 1);
  lookahead.after_step(2, 4);  // d = 0.25 / 8
  const double slow = (1 - 0.03125) * 1;
  CHECK(w.floats()[0] == doctest::Approx(slow));
  set(3);
  Lookahead other({{"w", &w}}, {.every = 2, .decay = 0.5});
  *other.state()[0].second = *lookahead.state()[0].second;
  CHECK(other.state()[0].first == "lookahead.w");
  lookahead.after_step(4, 4);  // d = 0.25
  CHECK(w.floats()[1] == doctest::Approx(0.25 * slow + 0.75 * 3));
  const float last = w.floats()[1];
  set(3);
  other.after_step(4, 4);
  CHECK(w.floats()[1] == last);
  set(9);
  lookahead.finish();
  CHECK(w.floats()[1] == last);
}

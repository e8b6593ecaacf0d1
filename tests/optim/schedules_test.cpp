#include "optim/schedules.h"

#include <doctest/doctest.h>

#include "framework/check.h"

using namespace octet;
using Kind = Schedule::Kind;

TEST_CASE("schedules: values at chosen steps") {
  CHECK(Schedule{.base = 0.1f, .steps = 10}.rate(7) == 0.1f);
  const Schedule step{.kind = Kind::step, .base = 1, .steps = 300};
  CHECK(step.rate(99) == 1.0f);
  CHECK(step.rate(100) == doctest::Approx(0.1));
  CHECK(step.rate(299) == doctest::Approx(0.01));
  const Schedule inverse{.kind = Kind::inverse, .base = 0.01f, .steps = 10000};
  CHECK(inverse.rate(100) == doctest::Approx(0.00992565));  // as Caffe prints it
  const Schedule cosine{.kind = Kind::cosine, .base = 1, .steps = 100};
  CHECK(cosine.rate(0) == 1.0f);
  CHECK(cosine.rate(50) == doctest::Approx(0.5));
  CHECK(cosine.rate(100) == doctest::Approx(0).epsilon(1e-6));
  const Schedule line{.kind = Kind::linear, .base = 2, .steps = 10, .floor = 0.5};
  CHECK(line.rate(0) == 2.0f);
  CHECK(line.rate(5) == doctest::Approx(1.5));
  const Schedule falling{.kind = Kind::exponential, .base = 1, .steps = 2, .floor = 0.25};
  CHECK(falling.rate(1) == doctest::Approx(0.5));
  const Schedule drops{
      .kind = Kind::drops, .base = 8, .steps = 300, .factor = 0.125f, .drop_steps = {200, 250}};
  CHECK(drops.rate(199) == 8.0f);
  CHECK(drops.rate(200) == 1.0f);
  CHECK(drops.rate(250) == 0.125f);
  const Schedule triangle{
      .kind = Kind::triangle, .base = 2, .steps = 100, .floor = 0.1, .first = 0.2, .peak = 0.25};
  CHECK(triangle.rate(0) == doctest::Approx(0.4));
  CHECK(triangle.rate(25) == doctest::Approx(2.0));
  CHECK(triangle.rate(100) == doctest::Approx(0.2));
  const Schedule warm{.base = 1, .steps = 100, .warmup_steps = 4};
  CHECK(warm.rate(0) == doctest::Approx(0.2));
  CHECK(warm.rate(3) == doctest::Approx(0.8));
  CHECK(warm.rate(4) == 1.0f);
}

TEST_CASE("schedules: names") {
  for (const Kind kind : {Kind::constant, Kind::step, Kind::inverse, Kind::cosine, Kind::linear,
                          Kind::exponential, Kind::drops, Kind::triangle})
    CHECK(parse_schedule(name_of(kind)) == kind);
  CHECK_THROWS_AS(parse_schedule("sine"), Error);
}

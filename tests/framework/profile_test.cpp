#include "framework/profile.h"

#include <unistd.h>

#include "tests/support.h"

using namespace octet;

TEST_CASE("profile: a scope counts its own time, without what is inside it") {
  profile::start();
  for (int i = 0; i < 2; ++i) {
    profile::Scope outer("conv1", "forward", "layer");
    CHECK(profile::layer() == "conv1");
    CHECK(profile::pass() == "forward");
    outer.add_bytes(7);
    const profile::Scope inner(profile::layer(), "forward", "int8 product", 10, 3);
    usleep(20000);
  }
  const std::vector<profile::Row> rows = profile::stop();
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].part == "layer");
  CHECK(rows[0].calls == 2);
  CHECK(rows[0].bytes == 14);
  CHECK(rows[1].layer == "conv1");
  CHECK(rows[1].operations == 20);
  CHECK(rows[1].bytes == 6);
  CHECK(rows[1].seconds >= 0.04);
  CHECK(rows[0].seconds < 0.04);
}

TEST_CASE("profile: off, nothing is counted") {
  const profile::Scope scope("conv1", "forward", "layer");
  CHECK(profile::layer().empty());
  profile::start();
  CHECK(profile::stop().empty());
}

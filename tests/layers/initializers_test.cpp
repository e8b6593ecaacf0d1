#include "layers/initializers.h"

#include <cmath>

#include "framework/check.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

TEST_CASE("initializers: the variance that He and Glorot ask for, from seed and name") {
  Tensor w({200, 300}), again({200, 300});
  for (const Initializer kind : {Initializer::he, Initializer::glorot}) {
    initialize(w, kind, 300, 200, 1, "fc1.weight");
    double squares = 0;
    for (std::int64_t i = 0; i < w.elements(); ++i)
      squares += static_cast<double>(w.floats()[i]) * static_cast<double>(w.floats()[i]);
    const double expected = kind == Initializer::he ? 2.0 / 300 : 2.0 / 500;
    CHECK(squares / static_cast<double>(w.elements()) == doctest::Approx(expected).epsilon(0.02));
    initialize(again, kind, 300, 200, 1, "fc1.weight");
    CHECK(same_bits(w, again));
    initialize(again, kind, 300, 200, 1, "fc2.weight");
    CHECK_FALSE(same_bits(w, again));
    CHECK(parse_initializer(name_of(kind)) == kind);
  }
  CHECK_THROWS_AS(parse_initializer("ones"), Error);
}

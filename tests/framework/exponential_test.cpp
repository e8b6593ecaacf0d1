#include "framework/exponential.h"

#include <doctest/doctest.h>

#include <cmath>

using namespace octet;

TEST_CASE("exponential: our exponential is the library's to a few units in the last place") {
  for (float x = -87; x <= 87; x += 0.0137f)
    CHECK(std::abs(static_cast<double>(exponential(x)) / std::exp(static_cast<double>(x)) - 1) <
          3e-7);
  CHECK(exponential(-200) == 0);
  CHECK(exponential(0) == 1);
  CHECK(std::isnan(exponential(std::nanf(""))));
}

TEST_CASE("exponential: the hyperbolic tangent is the library's, odd, rising and below 1") {
  float before = -1;
  for (float x = -9; x <= 9; x += 0.0037f) {
    const float y = hyperbolic_tangent(x);
    CHECK(std::abs(static_cast<double>(y) - std::tanh(static_cast<double>(x))) <
          4e-7 * std::max(0.1, std::abs(static_cast<double>(x))));
    CHECK(y >= before - 1e-7f);
    CHECK(hyperbolic_tangent(-x) == -y);
    before = y;
  }
  CHECK(hyperbolic_tangent(0) == 0);
  CHECK(hyperbolic_tangent(100) == 1);
}

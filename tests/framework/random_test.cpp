#include "framework/random.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

using namespace octet;

TEST_CASE("random: uniform in [0, 1) with the right mean, variance and no memory") {
  constexpr std::uint32_t n = 1000000;
  for (const std::uint64_t key : {random_key(1, 2, 3), random_key(1, 2, 4), std::uint64_t{0}}) {
    double sum = 0, squares = 0, products = 0, previous = 0.5;
    for (std::uint32_t i = 0; i < n; ++i) {
      const auto u = static_cast<double>(uniform(key, i));
      REQUIRE((u >= 0 && u < 1));
      sum += u;
      squares += (u - 0.5) * (u - 0.5);
      products += (u - 0.5) * (previous - 0.5);
      previous = u;
    }
    CHECK(std::abs(sum / n - 0.5) < 4 * std::sqrt(1.0 / 12 / n));
    CHECK(squares / n == doctest::Approx(1.0 / 12).epsilon(0.005));
    CHECK(std::abs(products / n) < 4.0 / 12 / std::sqrt(n));
  }
}

TEST_CASE("random: neighbouring keys are unrelated") {
  constexpr std::uint32_t n = 200000;
  double products = 0;
  for (std::uint32_t i = 0; i < n; ++i)
    products += (static_cast<double>(uniform(random_key(1, 1, 7), i)) - 0.5) *
                (static_cast<double>(uniform(random_key(1, 1, 8), i)) - 0.5);
  CHECK(std::abs(products / n) < 4.0 / 12 / std::sqrt(n));
  std::vector<int> counts(10);
  for (std::uint32_t i = 0; i < n; ++i) ++counts[uniform_below(9, i, 10)];
  for (const int count : counts) CHECK(std::abs(count - 20000) < 600);
}

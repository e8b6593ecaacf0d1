#include "quant/integer/requantizer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "framework/check.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

namespace {

using enum RequantRounding;
constexpr RequantRounding roundings[] = {half_even, half_away, double_rounding};

std::int32_t random_int(std::uint64_t key, std::int64_t index, int bits) {
  const auto word =
      static_cast<std::int32_t>(random_bits(mix(key), static_cast<std::uint32_t>(index)));
  return word >> (32 - bits);
}

}  // namespace

TEST_CASE("requantizer: a multiplier is the nearest to the real number") {
  for (const RequantRounding rounding : roundings)
    for (const double real : {0.5, 0.25, 0.3, 1e-3, 0.999999999, 1.0, 7.5, 255.9, 0x1p-31}) {
      const Multiplier m = multiplier_of(real, rounding);
      const double got = std::ldexp(static_cast<double>(m.value), -m.shift);
      const int bits = rounding == double_rounding ? 31 : 24;
      CHECK(std::abs(got - real) <= real * std::ldexp(1.0, -bits));
      CHECK(m.value < std::int64_t{1} << bits);
      CHECK(m.value >= std::int64_t{1} << (bits - 1));
    }
  CHECK(multiplier_of(0, half_even) == Multiplier{});
  CHECK(multiplier_of(0x1p-33, half_even) == Multiplier{});
  for (const double real : {256.0, -0.1, std::nan("")})
    CHECK_THROWS_AS(multiplier_of(real, half_even), Error);
}

TEST_CASE("requantizer: ties go where the rounding says") {
  const auto half_of = [](std::int32_t sum, RequantRounding rounding) {
    return multiply(sum, multiplier_of(0.5, rounding), rounding);
  };
  CHECK(half_of(3, half_even) == 2);
  CHECK(half_of(5, half_even) == 2);
  CHECK(half_of(-3, half_even) == -2);
  CHECK(half_of(-5, half_even) == -2);
  CHECK(half_of(5, half_away) == 3);
  CHECK(half_of(-5, half_away) == -3);
  // gemmlowp's first rounding sends ties up; with a multiplier of 1/2 there is no second.
  CHECK(half_of(5, double_rounding) == 3);
  CHECK(half_of(-5, double_rounding) == -2);
  // A tie of the second rounding goes away from zero, and the first may make one: 0.49 of a step.
  const Multiplier quarter{1 << 30, 32};
  CHECK(multiply(2, quarter, double_rounding) == 1);
  CHECK(multiply(-6, quarter, double_rounding) == -2);
  CHECK(multiply(1, quarter, double_rounding) == 1);  // 0.25 -> 0.5 -> 1, which one rounding lacks
  CHECK(multiply(1, quarter, half_away) == 0);
}

TEST_CASE("requantizer: gemmlowp's functions at their ends") {
  const std::int32_t least = std::numeric_limits<std::int32_t>::min();
  // What is shifted left saturates before it is multiplied.
  CHECK(multiply(least, {1 << 30, 30}, double_rounding) == least / 2);
  CHECK(multiply(std::numeric_limits<std::int32_t>::max(), {1 << 30, 29}, double_rounding) ==
        1 << 30);
  CHECK(shift_right(-3, 1, half_away) == -2);
  CHECK(shift_right(-3, 1, half_even) == -2);
  CHECK(shift_right(-5, 1, half_even) == -2);
  CHECK(shift_right(7, 0, half_even) == 7);
}

TEST_CASE("requantizer: rows as a real number would be rounded, by the fast loop and the other") {
  for (const std::int64_t filters : {1, 3, 10, 16, 20, 64, 130}) {
    std::vector<std::int32_t> bias;
    std::vector<Multiplier> multipliers;
    for (std::int64_t k = 0; k < filters; ++k) {
      bias.push_back(random_int(1, k, 16));
      multipliers.push_back(multiplier_of(1e-3 * (1 + static_cast<double>(k % 7)), half_even));
    }
    const std::int64_t rows = 37;
    std::vector<std::int32_t> sums(static_cast<std::size_t>(rows * filters));
    for (std::size_t i = 0; i < sums.size(); ++i)
      sums[i] = random_int(2, static_cast<std::int64_t>(i), i % 3 == 0 ? 28 : 18);
    for (const bool rectify : {false, true}) {
      const std::int32_t zero = 77;
      const Requantizer fast(bias, multipliers, 1 << 28, zero, rectify, half_even);
      const Requantizer wide(bias, multipliers, std::int64_t{1} << 30, zero, rectify, half_even);
      std::vector<std::uint8_t> codes(sums.size()), others(sums.size());
      fast.run(sums.data(), rows, codes.data());
      wide.run(sums.data(), rows, others.data());
      CHECK(codes == others);
      for (std::size_t i = 0; i < sums.size(); ++i) {
        const std::size_t k = i % static_cast<std::size_t>(filters);
        const double real = std::ldexp(
            static_cast<double>(multipliers[k].value) * static_cast<double>(sums[i] + bias[k]),
            -multipliers[k].shift);
        const double code = std::clamp(std::nearbyint(real) + zero, rectify ? 77.0 : 0.0, 255.0);
        REQUIRE(static_cast<double>(codes[i]) == code);
      }
    }
  }
}

TEST_CASE("requantizer: the largest sum") {
  const std::vector<std::int8_t> weights{1, -2, 3, 127, 0, -127};
  const std::vector<std::int32_t> bias{-1000, 5};
  CHECK(largest_sum(weights, bias, 0) == 254 * 255 + 5);
  CHECK(largest_sum(weights, bias, 128) == 254 * 128 + 5);
  const std::vector<std::int32_t> large{-1000000, 5};
  CHECK(largest_sum(weights, large, 0) == 6 * 255 + 1000000);
}

TEST_CASE("requantizer: roundings are printed as they are read") {
  for (const RequantRounding rounding : roundings)
    CHECK(parse_requant_rounding(print(rounding)) == rounding);
  CHECK_THROWS_WITH_AS(parse_requant_rounding("up"),
                       "unknown rounding 'up', expected half-even, half-away or double", Error);
}

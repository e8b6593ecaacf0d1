#include "quant/numbers/posit.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace octet;

TEST_CASE("posit: the numbers of posit<8,1> by hand") {
  const std::vector<float>& numbers = positive_posits(8, 1);
  CHECK(numbers.size() == 127);
  CHECK(std::is_sorted(numbers.begin(), numbers.end()));
  CHECK(numbers.front() == 0x1p-12f);  // 0000'0001: regime -6
  CHECK(numbers.back() == 0x1p12f);    // 0111'1111: regime 6
  CHECK(numbers[63] == 1.0f);          // 0100'0000
  CHECK(numbers[64] == 1.0625f);       // four bits of fraction
  CHECK(numbers[79] == 2.0f);          // 0101'0000: exponent 1
  CHECK(numbers[95] == 4.0f);          // 0110'0000: regime 1
  // No exponent bits: posit<4,0> is 1/4, 1/2, 3/4, 1, 3/2, 2, 4.
  CHECK(positive_posits(4, 0) == std::vector<float>{0.25f, 0.5f, 0.75f, 1, 1.5f, 2, 4});
}

TEST_CASE("posit: to the nearest, ties to the even pattern, never to zero or infinity") {
  const std::vector<float>& posits = positive_posits(4, 0);
  const auto rounded = [&](float value) {
    return round_to_posit(value, posits, Rounding::nearest, 0);
  };
  CHECK(rounded(1.2f) == 1.0f);
  CHECK(rounded(1.25f) == 1.0f);    // 0100, not 0101
  CHECK(rounded(-1.75f) == -2.0f);  // 0110, not 0101
  CHECK(rounded(1e-9f) == 0.25f);
  CHECK(rounded(-1e9f) == -4.0f);
  CHECK(rounded(0.0f) == 0.0f);
}

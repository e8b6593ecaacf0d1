#include "quant/integer/addition.h"

#include <algorithm>
#include <cmath>

#include "framework/check.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

TEST_CASE("addition: the sum of two tensors of codes, rounded once") {
  const Tensor a = random_codes({4099}, 1, Element::uint8),
               b = random_codes({4099}, 2, Element::uint8);
  struct Case {
    float a_scale, b_scale, output_scale;
    std::int32_t a_zero, b_zero, output_zero;
  };
  for (const Case& c : {Case{0.1f, 0.2f, 0.25f, 0, 0, 0}, Case{0.1f, 0.003f, 0.07f, 128, 30, 100},
                        Case{1.0f, 1.0f, 2.0f, 0, 255, 128}, Case{8.0f, 0.01f, 4.0f, 3, 4, 5}})
    for (const bool rectify : {false, true}) {
      const Edge output{.scale = c.output_scale, .zero_point = c.output_zero};
      const Addition addition(c.a_scale, c.a_zero, c.b_scale, c.b_zero, output, rectify,
                              RequantRounding::half_even);
      std::vector<std::uint8_t> fast(4099), plain(4099);
      addition.run(a.data<std::uint8_t>(), b.data<std::uint8_t>(), 4099, fast.data());
      addition.run_plain(a.data<std::uint8_t>(), b.data<std::uint8_t>(), 4099, plain.data());
      CHECK(fast == plain);
      const std::vector<Multiplier> m = addition.multipliers();
      CHECK(m[0].shift == m[1].shift);
      CHECK(std::ldexp(static_cast<double>(m[0].value), -m[0].shift) ==
            doctest::Approx(static_cast<double>(c.a_scale / c.output_scale)).epsilon(1e-4));
      for (std::size_t i = 0; i < fast.size(); ++i) {
        const double real =
            (static_cast<double>(c.a_scale) * (a.data<std::uint8_t>()[i] - c.a_zero) +
             static_cast<double>(c.b_scale) * (b.data<std::uint8_t>()[i] - c.b_zero)) /
            static_cast<double>(c.output_scale);
        const double code = std::clamp(real + c.output_zero,
                                       rectify ? static_cast<double>(c.output_zero) : 0.0, 255.0);
        REQUIRE(std::abs(static_cast<double>(fast[i]) - code) < 0.501);
      }
    }
}

TEST_CASE("addition: ties") {
  const std::uint8_t a[] = {1, 3, 5, 7}, b[] = {0, 0, 0, 0};
  const Edge output{.scale = 2.0f};
  std::uint8_t codes[4];
  Addition(1.0f, 0, 1.0f, 0, output, false, RequantRounding::half_even).run(a, b, 4, codes);
  CHECK(codes[0] == 0);
  CHECK(codes[1] == 2);
  CHECK(codes[2] == 2);
  CHECK(codes[3] == 4);
  Addition(1.0f, 0, 1.0f, 0, output, false, RequantRounding::half_away).run(a, b, 4, codes);
  CHECK(codes[0] == 1);
  CHECK(codes[2] == 3);
}

TEST_CASE("addition: scales too far apart are refused") {
  CHECK_THROWS_AS(
      Addition(1e6f, 0, 1.0f, 0, Edge{.scale = 1.0f}, false, RequantRounding::half_even), Error);
}

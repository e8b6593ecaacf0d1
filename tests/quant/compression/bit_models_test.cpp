#include "quant/compression/bit_models.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "tests/quant/compression/helpers.h"

namespace octet {
namespace {

using compression_test::Draw;

TEST_CASE("bit models: squash is the logistic function, stretch its inverse") {
  Probability before = 0;
  for (int x = -2047; x <= 2047; ++x) {
    const Probability p = squash(x);
    CHECK(std::abs(static_cast<double>(p) - 65536 / (1 + std::exp(-x / 256.0))) <= 1);
    CHECK(p >= before);
    CHECK(p > 0);
    CHECK(p < probability_one);
    before = p;
  }
  CHECK(squash(-100000) == squash(-2047));
  CHECK(squash(100000) == squash(2047));
  for (Probability p = 32; p < probability_one - 32; p += 7) {
    const double back = squash(stretch(p));
    CHECK(std::abs(back - static_cast<double>(p)) <= 16 + 0.005 * std::min(p, probability_one - p));
  }
}

TEST_CASE("bit models: a counter finds the share of ones, and follows when it changes") {
  Draw draw(1);
  BitCounter counter;
  for (int i = 0; i < 20000; ++i) counter.update(draw.below(100) < 7);
  CHECK(counter.one() / 65536.0 == doctest::Approx(0.07).epsilon(0.15));
  for (int i = 0; i < 20000; ++i) counter.update(draw.below(100) < 60);
  CHECK(counter.one() / 65536.0 == doctest::Approx(0.6).epsilon(0.1));
  for (int i = 0; i < 100000; ++i) counter.update(true);
  CHECK(counter.one() > 0.99 * 65536);
  for (int i = 0; i < 100000; ++i) counter.update(false);
  CHECK(counter.one() < 0.01 * 65536);
}

TEST_CASE("bit models: a mixer trusts the input that is right") {
  Draw draw(2);
  BitMixer<2> mixer;
  double cost = 0;
  constexpr int count = 20000;
  for (int i = 0; i < count; ++i) {
    const bool bit = draw.below(2) == 1;
    // The first knows the bit nine times of ten, the second guesses.
    const bool told = draw.below(10) == 0 ? !bit : bit;
    mixer.set(0, told ? 58982 : 6554);
    mixer.set(1, draw.below(2) == 1 ? 50000 : 15536);
    const Probability one = mixer.one();
    cost -= std::log2((bit ? one : probability_one - one) / 65536.0);
    mixer.update(bit);
  }
  const double entropy = -0.9 * std::log2(0.9) - 0.1 * std::log2(0.1);
  CHECK(cost / count < entropy * 1.1);
  CHECK(cost / count > entropy * 0.95);
}

}  // namespace
}  // namespace octet

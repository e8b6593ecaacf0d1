#include "framework/dataset.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "framework/check.h"
#include "framework/parallel.h"
#include "framework/random.h"

using namespace octet;

namespace {

// Picture i is 2 x 1 x 2 bytes; its label is i % 3, twice as often 0.
Dataset make(std::int64_t count) {
  Dataset set{
      .name = "made", .image = {2, 1, 2}, .pixels = {}, .labels = {}, .classes = {"a", "b", "c"}};
  for (std::uint32_t i = 0; i < count; ++i) {
    for (std::uint32_t p = 0; p < 4; ++p)
      set.pixels.push_back(static_cast<std::uint8_t>(p % 2 == 0 ? random_bits(1, i * 4 + p) : 9));
    set.labels.push_back(static_cast<std::int32_t>(i % 4 % 3));
  }
  return set;
}

}  // namespace

TEST_CASE("dataset: normalization is mean and deviation by channel") {
  const Dataset set = make(3001);
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < set.pixels.size(); i += 2) sum += set.pixels[i] / 255.0;
  const double count = static_cast<double>(set.pixels.size()) / 2, mean = sum / count;
  for (std::size_t i = 0; i < set.pixels.size(); i += 2)
    squares += std::pow(set.pixels[i] / 255.0 - mean, 2);
  set_threads(1);
  const Normalization one = measure_normalization(set);
  set_threads(4);
  const Normalization four = measure_normalization(set);
  set_threads(available_processors());
  REQUIRE(one.mean.size() == 2);
  CHECK(one.mean[0] == doctest::Approx(mean).epsilon(1e-5));
  CHECK(one.deviation[0] == doctest::Approx(std::sqrt(squares / count)).epsilon(1e-5));
  CHECK(one.mean[1] == doctest::Approx(9 / 255.0));
  CHECK(one.deviation[1] == doctest::Approx(1 / 255.0));  // constant, yet not zero
  CHECK(one.mean == four.mean);
  CHECK(one.deviation == four.deviation);
  CHECK_THROWS_AS(measure_normalization(make(0)), Error);
}

TEST_CASE("dataset: hold_out splits every class in proportion and keeps the order") {
  const Dataset all = make(1000);
  for (const std::int64_t count : {0, 1, 7, 250, 999, 1000}) {
    Dataset rest = all;
    const Dataset held = hold_out(rest, count, 5);
    CHECK(held.size() == count);
    CHECK(rest.size() == 1000 - count);
    CHECK(held.classes == all.classes);
    CHECK(held.image == all.image);
    for (int label = 0; label < 3; ++label) {
      const auto of = [label](const Dataset& set) {
        return static_cast<double>(std::count(set.labels.begin(), set.labels.end(), label));
      };
      CHECK(std::abs(of(held) - of(all) * static_cast<double>(count) / 1000) < 1);
    }
    // Merging the two in the order of `all` uses both up.
    std::int64_t h = 0, r = 0;
    for (std::int64_t i = 0; i < all.size(); ++i) {
      const auto is_next = [&](const Dataset& set, std::int64_t at) {
        return at < set.size() && std::equal(all.picture(i), all.picture(i + 1), set.picture(at));
      };
      if (is_next(held, h))
        ++h;
      else if (is_next(rest, r))
        ++r;
    }
    CHECK(h == held.size());
    CHECK(r == rest.size());
  }
}

TEST_CASE("dataset: hold_out depends on the seed") {
  Dataset first = make(200), second = make(200), third = make(200);
  const Dataset a = hold_out(first, 50, 1), b = hold_out(second, 50, 1), c = hold_out(third, 50, 2);
  CHECK(a.pixels == b.pixels);
  CHECK(a.pixels != c.pixels);
  CHECK_THROWS_AS(hold_out(first, 151, 1), Error);
  CHECK_THROWS_AS(hold_out(first, -1, 1), Error);
}

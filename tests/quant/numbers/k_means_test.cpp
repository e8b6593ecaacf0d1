#include "quant/numbers/k_means.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/quant/compression/helpers.h"

namespace octet {
namespace {
using namespace compression_test;

double cost(const std::vector<float>& values, const std::vector<float>& centroids) {
  double sum = 0;
  for (const float value : values) {
    double least = std::numeric_limits<double>::infinity();
    for (const float centroid : centroids)
      least = std::min(least, std::pow(double{value} - double{centroid}, 2));
    sum += least;
  }
  return sum;
}

// The least cost of all ways to cut the sorted values into at most `clusters` ranges.
double best_cost(const std::vector<float>& values, std::size_t begin, int clusters) {
  if (begin == values.size()) return 0;
  if (clusters == 0) return std::numeric_limits<double>::infinity();
  double best = std::numeric_limits<double>::infinity();
  for (std::size_t end = begin + 1; end <= values.size(); ++end) {
    double mean = 0, own = 0;
    for (std::size_t i = begin; i < end; ++i) mean += values[i];
    mean /= static_cast<double>(end - begin);
    for (std::size_t i = begin; i < end; ++i) own += std::pow(values[i] - mean, 2);
    best = std::min(best, own + best_cost(values, end, clusters - 1));
  }
  return best;
}

std::vector<float> sorted_values(Draw& draw, std::uint32_t count) {
  std::vector<float> values;
  for (std::uint32_t i = 0; i < count; ++i) values.push_back(draw.normal());
  std::sort(values.begin(), values.end());
  return values;
}

TEST_CASE("k-means: between the start and the optimum, at a fixed point") {
  int improved = 0, optimal = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Draw draw(seed);
    const std::vector<float> values = sorted_values(draw, 5 + draw.below(6));
    const int clusters = 1 + static_cast<int>(draw.below(4));
    std::vector<float> start = sorted_values(draw, static_cast<std::uint32_t>(clusters));
    const std::vector<float> found = refine_centroids(values, start, clusters);
    CHECK(found.size() <= static_cast<std::size_t>(clusters));
    CHECK(std::is_sorted(found.begin(), found.end()));
    const double before = cost(values, start), after = cost(values, found);
    const double best = best_cost(values, 0, clusters);
    CHECK(after <= before * (1 + 1e-12));
    CHECK(after >= best * (1 - 1e-6) - 1e-12);
    improved += after < before;
    optimal += after <= best * (1 + 1e-6) + 1e-12;
    CHECK(refine_centroids(values, found, clusters) == found);
  }
  CHECK(improved > 190);
  CHECK(optimal > 100);
}

TEST_CASE("k-means: clusters that run empty are put to use") {
  // Two heaps with nothing between them: equally spaced centroids fall into the gap.
  std::vector<float> values;
  for (int i = 0; i < 1000; ++i) values.push_back(-2 + 0.0001f * static_cast<float>(i));
  for (int i = 0; i < 1000; ++i) values.push_back(2 + 0.0001f * static_cast<float>(i));
  std::vector<float> start;
  for (int i = 0; i < 16; ++i) start.push_back(-2 + 4.1f * static_cast<float>(i) / 15);
  const std::vector<float> found = refine_centroids(values, start, 16);
  CHECK(found.size() == 16);
  CHECK(cost(values, found) < cost(values, start) / 100);
}

TEST_CASE("k-means: a centroid is never zero") {
  for (const std::vector<float>& values :
       {std::vector<float>{-1, 1}, {-1e-40f, 1e-40f}, {-3, -1, 1, 3}, {-1e-45f, 1e-45f}}) {
    const std::vector<float> found = refine_centroids(values, {0.5f}, 1);
    REQUIRE(found.size() == 1);
    CHECK(found[0] != 0.0f);
    CHECK(cost(values, found) <= cost(values, {0}) * (1 + 1e-6) + 1e-75);
  }
}

TEST_CASE("k-means: long rows give the means of a plain loop") {
  Draw draw(5);
  const std::vector<float> values = sorted_values(draw, 20000);
  std::vector<float> start = sorted_values(draw, 20);
  const std::vector<float> found = refine_centroids(values, start, 20);
  REQUIRE(found.size() == 20);
  std::vector<double> sums(20), counts(20);
  for (const float value : values) {
    const std::size_t nearest = nearest_centroid(found, value);
    for (const float other : found)
      REQUIRE(std::abs(double{value} - double{found[nearest]}) <=
              std::abs(double{value} - double{other}));
    sums[nearest] += value;
    ++counts[nearest];
  }
  for (std::size_t c = 0; c < 20; ++c)
    CHECK(found[c] == doctest::Approx(sums[c] / counts[c]).epsilon(1e-6));
  CHECK(refine_centroids({}, {1}, 1).empty());
}

}  // namespace
}  // namespace octet

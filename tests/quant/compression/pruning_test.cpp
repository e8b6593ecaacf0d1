#include "quant/compression/pruning.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "quant/compression/weight_sharing.h"
#include "tests/quant/compression/helpers.h"

namespace octet {
namespace {
using namespace compression_test;

TEST_CASE("pruning: the largest magnitudes live, of equals the first") {
  Parameter parameter = parameter_of({1, -3, 2, 3, -2, 0.5f, 2, 0});
  prune(parameter, 0.5);
  CHECK(values_of(parameter.value) == std::vector<float>{0, -3, 2, 3, -2, 0, 0, 0});
  CHECK(density(parameter.value) == 0.5);
  REQUIRE(parameter.constraints.size() == 1);
  CHECK(mask_of(parameter)->alive() == std::vector<std::uint8_t>{0, 1, 1, 1, 1, 0, 0, 0});
  prune(parameter, 0.01);
  CHECK(values_of(parameter.value) == std::vector<float>{0, -3, 0, 0, 0, 0, 0, 0});
  CHECK(parameter.constraints.size() == 1);
}

TEST_CASE("pruning: agrees with sorting all magnitudes, at any density") {
  for (const double wanted : {0.001, 0.05, 0.3, 0.777, 1.0}) {
    Parameter parameter = normal_parameter(5000, 7);
    const std::vector<float> before = values_of(parameter.value);
    std::vector<std::size_t> order(before.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return std::abs(before[a]) > std::abs(before[b]);
    });
    const auto keep = static_cast<std::size_t>(std::lround(wanted * 5000));
    std::vector<float> expected(before.size());
    for (std::size_t i = 0; i < keep; ++i) expected[order[i]] = before[order[i]];
    prune(parameter, wanted);
    CHECK(values_of(parameter.value) == expected);
    CHECK(density(parameter.value) == doctest::Approx(wanted).epsilon(1e-3));
  }
}

TEST_CASE("pruning: what is masked is never revived") {
  Parameter parameter = normal_parameter(1000, 8);
  prune(parameter, 0.3);
  const auto first = mask_of(parameter)->alive();
  Parameter disturbed = parameter;
  for (std::int64_t i = 0; i < 1000; ++i)
    if (!first[static_cast<std::size_t>(i)]) disturbed.value.floats()[i] = 100;
  for (const double wanted : {0.9, 0.2}) {
    Parameter again = disturbed;
    prune(again, wanted);
    const auto second = mask_of(again)->alive();
    int revived = 0;
    for (std::size_t i = 0; i < 1000; ++i) revived += second[i] && !first[i];
    CHECK(revived == 0);
    CHECK(std::count(second.begin(), second.end(), 1) == (wanted > 0.3 ? 300 : 200));
    mask_of(again)->verify(again);
  }
}

TEST_CASE("pruning: refuses what makes no sense, naming the parameter") {
  Parameter parameter = parameter_of({1, 2});
  std::string message;
  for (const double wanted : {0.0, -1.0, 1.5, std::nan("")})
    CHECK(failure_of([&] { prune(parameter, wanted); }, &message) == Failure::usage);
  CHECK(message.starts_with("fc1.weight: "));
  share(parameter, 1, Centroids::linear, 0);
  CHECK(failure_of([&] { prune(parameter, 0.5); }) == Failure::usage);
  Parameter broken = parameter_of({1, std::numeric_limits<float>::infinity()});
  CHECK(failure_of([&] { prune(broken, 0.5); }) == Failure::numbers);
  Parameter empty = parameter_of({});
  CHECK(!failure_of([&] { prune(empty, 0.5); }));
  CHECK(density(empty.value) == 0);
}

TEST_CASE("pruning: a mask from zeros") {
  Parameter parameter = parameter_of({0, 1, -0.0f, -2});
  CHECK(mask_of(parameter) == nullptr);
  install_mask_from_zeros(parameter);
  install_mask_from_zeros(parameter);
  REQUIRE(parameter.constraints.size() == 1);
  CHECK(mask_of(parameter)->alive() == std::vector<std::uint8_t>{0, 1, 0, 1});
}

TEST_CASE("densities by size: small layers are denser and the whole is met") {
  const std::vector<std::int64_t> lenet{500, 25000, 400000, 5000};
  for (const double overall : {0.01, 0.08, 0.5, 0.95, 1.0}) {
    const std::vector<double> densities = densities_by_size(lenet, overall);
    double living = 0;
    for (std::size_t i = 0; i < lenet.size(); ++i) {
      CHECK(densities[i] > 0);
      CHECK(densities[i] <= 1);
      living += densities[i] * static_cast<double>(lenet[i]);
    }
    CHECK(living == doctest::Approx(overall * 430500));
    CHECK(densities[0] >= densities[3]);
    CHECK(densities[3] >= densities[1]);
    CHECK(densities[1] >= densities[2]);
  }
  const std::vector<double> free = densities_by_size({1000, 100000}, 0.05);
  CHECK(free[0] / free[1] == doctest::Approx(std::pow(100, 0.35)));
  CHECK(densities_by_size({}, 0.5).empty());
  CHECK(failure_of([] { densities_by_size({1}, 0); }) == Failure::usage);
}

}  // namespace
}  // namespace octet

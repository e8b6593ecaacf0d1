#include "quant/compression/weight_sharing.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>

#include "framework/parallel.h"
#include "quant/compression/constraints.h"
#include "quant/compression/pruning.h"
#include "tests/quant/compression/helpers.h"

namespace octet {
namespace {
using namespace compression_test;

constexpr std::array kinds{Centroids::linear, Centroids::density, Centroids::forgy};

double cost(const Tensor& before, const Tensor& after) {
  double sum = 0;
  for (std::int64_t i = 0; i < before.elements(); ++i)
    sum += std::pow(double{before.floats()[i]} - double{after.floats()[i]}, 2);
  return sum;
}

TEST_CASE("weight sharing: at most k values, zeros stay zeros, nothing else becomes zero") {
  for (const Centroids kind : kinds)
    for (const int clusters : {1, 2, 7, 32, 256}) {
      Parameter parameter = normal_parameter(3000, 11);
      prune(parameter, 0.4);
      const Tensor before = parameter.value;
      share(parameter, clusters, kind, 1);
      const std::vector<float> values = values_of(parameter.value);
      std::set<float> distinct(values.begin(), values.end());
      distinct.erase(0.0f);
      CHECK(distinct.size() == static_cast<std::size_t>(clusters));
      CHECK(density(parameter.value) == 0.4);
      for (std::int64_t i = 0; i < before.elements(); ++i)
        REQUIRE((before.floats()[i] == 0) == (values[static_cast<std::size_t>(i)] == 0));
      REQUIRE(parameter.constraints.size() == 2);
      for (const auto& constraint : parameter.constraints) constraint->verify(parameter);
    }
}

TEST_CASE("weight sharing: more clusters cost less, and much less than the spread") {
  Parameter parameter = normal_parameter(20000, 12);
  prune(parameter, 0.5);
  for (const Centroids kind : kinds) {
    double latest = std::numeric_limits<double>::infinity();
    for (const int clusters : {1, 2, 4, 8, 16, 64}) {
      Parameter shared = parameter;
      share(shared, clusters, kind, 3);
      const double now = cost(parameter.value, shared.value);
      CHECK(now < latest);
      latest = now;
    }
    // 64 equally spaced values over -3.5 .. 3.5 cost about 10000 * (7 / 63)^2 / 12 = 10.3.
    CHECK(latest < 10);
  }
}

TEST_CASE("weight sharing: few distinct values stay exactly") {
  const std::vector<float> values{0.1f, 0, -7, 1e-30f, 0.1f, 1e30f, -7, 0.3f};
  for (const Centroids kind : kinds) {
    Parameter parameter = parameter_of(values);
    share(parameter, 5, kind, 0);
    CHECK(values_of(parameter.value) == values);
    const Sharing sharing = cluster(parameter.value, 6, kind, 0);
    CHECK(sharing.codebook == std::vector<float>{-7, 1e-30f, 0.1f, 0.3f, 1e30f});
    CHECK(sharing.assignment == std::vector<std::uint32_t>{3, 0, 1, 2, 3, 5, 1, 4});
  }
  CHECK(cluster(parameter_of({0, 0}).value, 4, Centroids::linear, 0).codebook.empty());
  CHECK(cluster(Tensor(), 4, Centroids::density, 0).assignment.empty());
}

TEST_CASE("weight sharing: a centroid in the middle of both signs is not zero") {
  Parameter parameter = parameter_of({-1, 1, 0, -1, 1});
  share(parameter, 1, Centroids::linear, 0);
  CHECK(density(parameter.value) == doctest::Approx(0.8));
}

TEST_CASE("weight sharing: the same for any number of threads; forgy depends on its seed") {
  const Tensor weights = normal_parameter(100000, 13).value;
  const int before = threads();
  for (const Centroids kind : kinds) {
    set_threads(1);
    const Sharing one = cluster(weights, 30, kind, 5);
    set_threads(3);
    const Sharing three = cluster(weights, 30, kind, 5);
    CHECK(one.codebook == three.codebook);
    CHECK(one.assignment == three.assignment);
    const Sharing other = cluster(weights, 30, kind, 6);
    CHECK((other.codebook == one.codebook) == (kind != Centroids::forgy));
  }
  set_threads(before);
}

TEST_CASE(
    "weight sharing: sharing again replaces the constraint; retrained members stay together") {
  Parameter parameter = normal_parameter(500, 14);
  share(parameter, 16, Centroids::linear, 0);
  share(parameter, 4, Centroids::density, 0);
  REQUIRE(parameter.constraints.size() == 1);
  auto& shared = *parameter.constraints[0];
  CHECK(dynamic_cast<const SharedWeights&>(shared).clusters() == 4);
  parameter.gradient = normal_parameter(500, 15).value;
  shared.project_gradient(parameter);
  for (std::int64_t i = 0; i < 500; ++i)
    parameter.value.floats()[i] -= 0.01f * parameter.gradient.floats()[i];
  shared.verify(parameter);
}

TEST_CASE("weight sharing: spellings and refusals") {
  for (const Centroids kind : kinds) CHECK(parse_centroids(print(kind)) == kind);
  CHECK(failure_of([] { parse_centroids("random"); }) == Failure::usage);
  const Tensor weights = parameter_of({1, 2}).value;
  CHECK(failure_of([&] { cluster(weights, 0, Centroids::linear, 0); }) == Failure::usage);
  CHECK(failure_of([&] { cluster(weights, 4097, Centroids::linear, 0); }) == Failure::usage);
  Parameter broken = parameter_of({1, std::nanf("")});
  std::string message;
  CHECK(failure_of([&] { share(broken, 1, Centroids::linear, 0); }, &message) == Failure::numbers);
  CHECK(message.starts_with("fc1.weight: "));
}

}  // namespace
}  // namespace octet

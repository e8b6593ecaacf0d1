#include "quant/compression/kept.h"

#include <doctest/doctest.h>

#include "quant/compression/constraints.h"
#include "quant/compression/pruning.h"
#include "quant/compression/weight_sharing.h"
#include "tests/quant/compression/helpers.h"

namespace octet {
namespace {
using namespace compression_test;

TEST_CASE("kept: what constraints demand is what the values show, and installs again") {
  for (const bool zeros : {false, true})
    for (const bool clusters : {false, true}) {
      Parameter parameter = normal_parameter(500, 3);
      if (zeros) prune(parameter, 0.3);
      if (clusters) share(parameter, 7, Centroids::linear, 1);
      const Kept kept = kept_by_constraints(parameter);
      CHECK(kept.zeros == zeros);
      CHECK(kept.clusters == clusters);
      CHECK(kept == kept_by_values(parameter.value, zeros, clusters));
      Parameter other = parameter;
      other.constraints.clear();
      install(kept, other);
      CHECK(other.constraints.size() == std::size_t{zeros} + std::size_t{clusters});
      CHECK(kept_by_constraints(other) == kept);
      for (const auto& constraint : other.constraints) constraint->verify(other);
      // In place of what was there.
      install(kept, other);
      CHECK(other.constraints.size() == std::size_t{zeros} + std::size_t{clusters});
    }
}

TEST_CASE("kept: the same gradients and values as under the constraints that it was read off") {
  Parameter parameter = normal_parameter(800, 5);
  prune(parameter, 0.4);
  share(parameter, 5, Centroids::density, 1);
  Parameter other = parameter;
  install(kept_by_values(parameter.value, true, true), other);
  parameter.gradient = other.gradient = normal_parameter(800, 6).value;
  for (Parameter* p : {&parameter, &other})
    for (const auto& constraint : p->constraints) constraint->project_gradient(*p);
  CHECK(same_bits(parameter.gradient, other.gradient));
}

TEST_CASE("kept: a cluster at zero and clusters that have met are told by the constraints alone") {
  Parameter parameter = parameter_of({1, 2, 0, 3, 1, 3});
  install_mask_from_zeros(parameter);
  share_as_stored(parameter);
  const std::vector<std::uint32_t> groups{1, 2, 0, 3, 1, 3};
  CHECK(kept_by_constraints(parameter).groups == groups);
  float* const values = parameter.value.floats();
  values[0] = values[4] = 0;  // group 1
  values[3] = values[5] = 2;  // group 3 is where group 2 is
  for (const auto& constraint : parameter.constraints) constraint->verify(parameter);
  CHECK(kept_by_constraints(parameter).groups == groups);
  CHECK(kept_by_values(parameter.value, true, true).groups ==
        std::vector<std::uint32_t>{0, 1, 0, 1, 0, 1});
}

TEST_CASE("share_as_stored: clusters are the distinct values, zeros stay, a mask stays") {
  Parameter parameter = parameter_of({0.5f, 0, -1, 0.5f, -1, 0});
  share_as_stored(parameter);
  REQUIRE(parameter.constraints.size() == 1);
  CHECK(dynamic_cast<const SharedWeights&>(*parameter.constraints[0]).clusters() == 2);
  CHECK(values_of(parameter.value) == std::vector<float>{0.5f, 0, -1, 0.5f, -1, 0});
  install_mask_from_zeros(parameter);
  share_as_stored(parameter);
  CHECK(parameter.constraints.size() == 2);
  CHECK(mask_of(parameter)->alive() == std::vector<std::uint8_t>{1, 0, 1, 1, 1, 0});

  Parameter many = normal_parameter(max_clusters + 1000, 7);
  std::string message;
  CHECK(failure_of([&] { share_as_stored(many); }, &message) == Failure::usage);
  CHECK(message.find("fc1.weight") != std::string::npos);
  CHECK(many.constraints.empty());
}

}  // namespace
}  // namespace octet

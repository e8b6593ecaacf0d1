#include "quant/compression/rate_distortion.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>

#include "quant/compression/constraints.h"
#include "quant/compression/pruning.h"
#include "tests/quant/compression/helpers.h"

namespace octet {
namespace {
using namespace compression_test;

// What cluster_by_price makes small, by its definition.
double cost(const Tensor& tensor, const std::vector<float>& importance, const Sharing& sharing,
            const Pricing& pricing) {
  std::vector<double> counts(sharing.codebook.size() + 1);
  for (const std::uint32_t symbol : sharing.assignment) counts[symbol] += 1;
  double loss = 0, bits = 0;
  for (std::size_t i = 0; i < sharing.assignment.size(); ++i) {
    const std::uint32_t symbol = sharing.assignment[i];
    const double value = symbol > 0 ? static_cast<double>(sharing.codebook[symbol - 1]) : 0;
    const double distance = static_cast<double>(tensor.floats()[i]) - value;
    loss += static_cast<double>(importance[i]) * distance * distance;
    bits += std::log2(static_cast<double>(sharing.assignment.size()) / counts[symbol]);
  }
  bits += pricing.value_bits * static_cast<double>(sharing.codebook.size());
  return loss + pricing.price * bits;
}

std::int64_t living(const Sharing& sharing) {
  return std::count_if(sharing.assignment.begin(), sharing.assignment.end(),
                       [](std::uint32_t symbol) { return symbol > 0; });
}

TEST_CASE("priced sharing: free bits are k-means, dear ones leave fewer values and more zeros") {
  const Parameter parameter = normal_parameter(5000, 3);
  const std::vector<float> even(5000, 1.0f);
  std::size_t values = 32;
  std::int64_t kept = 5001;
  for (const double price : {1e-6, 1e-2, 0.05, 0.2, 1.0}) {
    const Pricing pricing{.price = price};
    const Sharing sharing = cluster_by_price(parameter.value, even, pricing);
    CHECK(sharing.codebook.size() <= values);
    CHECK(living(sharing) < kept);
    values = sharing.codebook.size();
    kept = living(sharing);
    CHECK(std::is_sorted(sharing.codebook.begin(), sharing.codebook.end()));
    // Never worse than what does not look at the price.
    const Sharing blind = cluster(parameter.value, 31, Centroids::linear, 0);
    CHECK(cost(parameter.value, even, sharing, pricing) <=
          cost(parameter.value, even, blind, pricing) * (1 + 1e-6));
  }
  CHECK(kept < 2500);
  // At no price nothing but the squares counts: with zero beside its seven values it is closer than
  // k-means with seven.
  const Pricing free{.price = 0, .clusters = 7};
  CHECK(cost(parameter.value, even, cluster_by_price(parameter.value, even, free), free) <
        cost(parameter.value, even, cluster(parameter.value, 7, Centroids::linear, 0), free));
}

TEST_CASE("priced sharing: what matters keeps its value where what does not becomes zero") {
  Parameter parameter = normal_parameter(4000, 5);
  std::vector<float> importance(4000);
  for (std::size_t i = 0; i < importance.size(); ++i) importance[i] = i % 2 == 0 ? 10.0f : 0.01f;
  const Sharing sharing = cluster_by_price(parameter.value, importance, {.price = 0.02});
  std::array<std::int64_t, 2> zeros{};
  for (std::size_t i = 0; i < importance.size(); ++i) zeros[i % 2] += sharing.assignment[i] == 0;
  CHECK(zeros[0] < 400);
  CHECK(zeros[1] > 1000);
}

TEST_CASE("priced sharing: zeros stay, the constraints hold what was decided") {
  Parameter parameter = normal_parameter(600, 7);
  prune(parameter, 0.3);
  const Tensor before = parameter.value;
  share_by_price(parameter, std::vector<float>(600, 1.0f), {.price = 0.05});
  std::set<float> values;
  for (std::int64_t i = 0; i < 600; ++i) {
    const float value = parameter.value.floats()[i];
    if (before.floats()[i] == 0) CHECK(value == 0);
    if (value != 0) values.insert(value);
  }
  CHECK(values.size() > 1);
  CHECK(values.size() <= 31);
  for (const auto& constraint : parameter.constraints)
    CHECK(!failure_of([&] { constraint->verify(parameter); }));
  // What became zero is pruned: it stays so whatever the optimiser does.
  const std::vector<float> decided = values_of(parameter.value);
  for (std::int64_t i = 0; i < 600; ++i) parameter.value.floats()[i] += 1;
  for (const auto& constraint : parameter.constraints) constraint->project_value(parameter);
  for (std::size_t i = 0; i < 600; ++i)
    CHECK((parameter.value.floats()[i] == 0) == (decided[i] == 0));

  Parameter empty = parameter_of({0, 0, 0});
  share_by_price(empty, {1, 1, 1}, {.price = 1});
  CHECK(values_of(empty.value) == std::vector<float>{0, 0, 0});
  Parameter broken = parameter_of({1, std::numeric_limits<float>::infinity()});
  std::string message;
  CHECK(failure_of([&] { share_by_price(broken, {1, 1}, {}); }, &message) == Failure::numbers);
  CHECK(message.starts_with("fc1.weight: "));
}

}  // namespace
}  // namespace octet

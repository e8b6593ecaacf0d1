#include "quant/integer/fused_product.h"

#include <cmath>
#include <limits>

#include "framework/check.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

namespace {

Tensor weights_of(std::vector<int> codes, std::vector<float> scales) {
  const auto filters = static_cast<std::int64_t>(scales.size());
  Tensor weights({filters, static_cast<std::int64_t>(codes.size()) / filters}, Element::int8);
  std::copy(codes.begin(), codes.end(), weights.data<std::int8_t>());
  weights.scales = std::move(scales);
  return weights;
}

}  // namespace

TEST_CASE("fused product: factors move into scales, their signs into codes") {
  const Tensor weights = weights_of({127, -5, 3, 127}, {0.5f, 0.25f});
  const std::vector<double> factors{2.0, -4.0}, offsets{1.0, -3.0};
  Edge output{.scale = 0.5f};
  const FusedProduct fused =
      fuse(weights, factors, offsets, 0.125f, output, RequantRounding::half_even);
  CHECK(fused.weights.scales == std::vector<float>{1.0f, 1.0f});
  const auto* const codes = fused.weights.data<std::int8_t>();
  CHECK(codes[0] == 127);
  CHECK(codes[1] == -5);
  CHECK(codes[2] == -3);
  CHECK(codes[3] == -127);
  CHECK(fused.bias == std::vector<std::int32_t>{8, -24});
  CHECK(fused.multipliers[0] == multiplier_of(0.25, RequantRounding::half_even));
  CHECK(fused.offsets == std::vector<float>{1.0f, -3.0f});
}

TEST_CASE("fused product: a filter that does not matter beside its offset becomes a constant") {
  const Tensor weights = weights_of({127, -127, 127, 1, 0, 0}, {1.0f, 1.0f, 1.0f});
  const std::vector<double> factors{0.0, 1e-12, 3.0}, offsets{2.0, -1.0, 0.5};
  Edge output{.scale = 0.01f};
  const FusedProduct fused =
      fuse(weights, factors, offsets, 1.0f, output, RequantRounding::half_even);
  for (std::int64_t i = 0; i < 6; ++i) CHECK(fused.weights.data<std::int8_t>()[i] == 0);
  for (std::size_t k = 0; k < 3; ++k) {
    CHECK(std::abs(fused.bias[k]) < 1 << 28);
    CHECK(multiply(fused.bias[k], fused.multipliers[k], RequantRounding::half_even) ==
          std::lrint(offsets[k] / 0.01));
  }
}

TEST_CASE("fused product: fusing what came out of it changes nothing") {
  Tensor weights = random_codes({7, 20}, 3);
  weights.scales.clear();
  std::vector<double> factors, offsets;
  for (int k = 0; k < 7; ++k) {
    weights.data<std::int8_t>()[k * 20] = 127;
    weights.scales.push_back(0.01f + 0.003f * static_cast<float>(k));
    factors.push_back(k == 3 ? 0.0 : -1.7 + 0.6 * k);
    offsets.push_back(0.3 * k - 1);
  }
  Edge output{.scale = 0.02f};
  const FusedProduct once =
      fuse(weights, factors, offsets, 0.05f, output, RequantRounding::half_even);
  const std::vector<double> ones(7, 1.0), same(once.offsets.begin(), once.offsets.end());
  const FusedProduct twice =
      fuse(once.weights, ones, same, 0.05f, output, RequantRounding::half_even);
  CHECK(same_bits(once.weights, twice.weights));
  CHECK(once.bias == twice.bias);
  CHECK(once.multipliers == twice.multipliers);
}

TEST_CASE("fused product: scores take the coarsest filter's scale") {
  const Tensor weights = weights_of({127, 127}, {0.5f, 0.25f});
  const std::vector<double> factors{1.0, 1.0}, offsets{0.0, 0.0};
  Edge output{.element = Element::int32};
  const FusedProduct fused =
      fuse(weights, factors, offsets, 0.5f, output, RequantRounding::half_even);
  CHECK(output.scale == 0.25f);
  CHECK(multiply(1000, fused.multipliers[0], RequantRounding::half_even) == 1000);
  CHECK(multiply(1000, fused.multipliers[1], RequantRounding::half_even) == 500);
}

TEST_CASE("fused product: numbers that are none are refused") {
  const Tensor weights = weights_of({1}, {1.0f});
  const std::vector<double> bad{std::numeric_limits<double>::infinity()}, fine{1.0};
  Edge output;
  CHECK_THROWS_AS(fuse(weights, bad, fine, 1.0f, output, RequantRounding::half_even), Error);
  CHECK_THROWS_AS(fuse(weights, fine, bad, 1.0f, output, RequantRounding::half_even), Error);
}

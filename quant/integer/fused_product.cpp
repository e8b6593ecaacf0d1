#include "quant/integer/fused_product.h"

#include <algorithm>
#include <cmath>

#include "framework/check.h"
#include "quant/numbers/quantizer.h"

namespace octet {
namespace {

// A bias beyond this leaves the sums of no more than 2^28 no weight, and int32 no room.
constexpr double most_bias = 0x1p28;

}  // namespace

FusedProduct fuse(const Tensor& weights, std::span<const double> factors,
                  std::span<const double> offsets, float input_scale, Edge& output,
                  RequantRounding rounding) {
  assert(weights.outliers.empty());  // format_obstacle
  const auto filters = static_cast<std::size_t>(weights.shape()[0]);
  const auto row = static_cast<std::size_t>(weights.elements()) / filters;
  FusedProduct fused{.weights = weights};
  fused.weights.scales.resize(filters);
  fused.offsets.resize(filters);
  fused.bias.resize(filters);
  fused.multipliers.resize(filters);
  auto* const codes = fused.weights.data<std::int8_t>();
  for (std::size_t k = 0; k < filters; ++k) {
    const double factor = factors[k];
    check(std::isfinite(factor) && std::isfinite(offsets[k]), Failure::numbers,
          "a filter's factor ", factor, " and offset ", offsets[k], ": expected finite numbers");
    fused.offsets[k] = static_cast<float>(offsets[k]);
    std::int8_t* const filter = codes + k * row;
    const float before = weights.scales[weights.scales.size() > 1 ? k : 0];
    float scale = coarse_scale(static_cast<float>(static_cast<double>(before) * std::abs(factor)));
    const double offset = static_cast<double>(fused.offsets[k]);
    const auto least =
        static_cast<float>(std::abs(offset) / most_bias / static_cast<double>(input_scale));
    if (!(scale > least) || std::all_of(filter, filter + row, [](auto c) { return c == 0; })) {
      std::fill_n(filter, row, std::int8_t{0});
      scale = coarse_scale(std::max(least * 2, 1e-20f));
    } else if (factor < 0) {
      std::transform(filter, filter + row, filter,
                     [](std::int8_t c) { return static_cast<std::int8_t>(-c); });
    }
    fused.weights.scales[k] = scale;
    fused.bias[k] = static_cast<std::int32_t>(
        std::nearbyint(offset / (static_cast<double>(input_scale) * static_cast<double>(scale))));
  }
  if (output.element == Element::int32)
    output.scale =
        input_scale * *std::max_element(fused.weights.scales.begin(), fused.weights.scales.end());
  // In float32, as runtimes that take float scales find them: they then round as we do.
  for (std::size_t k = 0; k < filters; ++k)
    fused.multipliers[k] = multiplier_of(
        static_cast<double>(input_scale * fused.weights.scales[k] / output.scale), rounding);
  return fused;
}

Requantizer FusedProduct::requantizer(std::int32_t input_zero_point, const Edge& output,
                                      bool rectify, RequantRounding rounding) const {
  const std::span<const std::int8_t> codes(weights.data<std::int8_t>(),
                                           static_cast<std::size_t>(weights.elements()));
  return {bias,    multipliers, largest_sum(codes, bias, input_zero_point), output.zero_point,
          rectify, rounding};
}

void put_into(FusedProduct product, Stage& stage) {
  stage.weights = std::move(product.weights);
  stage.bias = std::move(product.bias);
  stage.multipliers = std::move(product.multipliers);
}

}  // namespace octet

#include "quant/compression/pruning.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>

#include "framework/check.h"

namespace octet {
namespace {

// Without the sign, the bits of finite floats order as their magnitudes do.
std::uint32_t magnitude(float value) { return std::bit_cast<std::uint32_t>(value) & 0x7fffffffu; }

void install(Parameter& parameter, std::vector<std::uint8_t> alive) {
  auto mask = std::make_shared<Mask>(std::move(alive));
  mask->project_value(parameter);
  for (auto& constraint : parameter.constraints)
    if (std::dynamic_pointer_cast<const Mask>(constraint)) {
      constraint = std::move(mask);
      return;
    }
  // First, so that it is projected before constraints that were there already.
  parameter.constraints.insert(parameter.constraints.begin(), std::move(mask));
}

}  // namespace

void prune(Parameter& parameter, double density) {
  check(density > 0 && density <= 1, Failure::usage, parameter.name,
        ": expected a density above 0 and at most 1, got ", density);
  for (const auto& constraint : parameter.constraints)
    check(!std::dynamic_pointer_cast<const SharedWeights>(constraint), Failure::usage,
          parameter.name, ": expected pruning before weight sharing");
  const auto count = static_cast<std::size_t>(parameter.value.elements());
  if (count == 0) return;
  const float* const values = parameter.value.floats();
  const auto earlier = mask_of(parameter);
  const auto may_live = [&](std::size_t i) { return !earlier || earlier->alive()[i] != 0; };

  std::vector<std::uint32_t> candidates;
  candidates.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    check(std::isfinite(values[i]), Failure::numbers, parameter.name, ": weight ", i, " is ",
          values[i]);
    if (may_live(i)) candidates.push_back(magnitude(values[i]));
  }
  const auto wanted = static_cast<std::size_t>(std::llround(density * static_cast<double>(count)));
  const std::size_t keep = std::min(std::max<std::size_t>(wanted, 1), candidates.size());
  std::vector<std::uint8_t> alive(count, 0);
  if (keep > 0) {
    const auto last = candidates.begin() + static_cast<std::ptrdiff_t>(keep - 1);
    std::nth_element(candidates.begin(), last, candidates.end(), std::greater<>());
    const std::uint32_t threshold = *last;
    std::size_t equals = keep - static_cast<std::size_t>(std::count_if(
                                    candidates.begin(), last,
                                    [&](std::uint32_t other) { return other > threshold; }));
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t size = magnitude(values[i]);
      if (!may_live(i) || size < threshold || (size == threshold && equals == 0)) continue;
      if (size == threshold) --equals;
      alive[i] = 1;
    }
  }
  install(parameter, std::move(alive));
}

double density(const Tensor& tensor) {
  if (tensor.empty()) return 0;
  const float* const values = tensor.floats();
  const auto zeros = std::count(values, values + tensor.elements(), 0.0f);
  return 1.0 - static_cast<double>(zeros) / static_cast<double>(tensor.elements());
}

std::vector<double> densities_by_size(const std::vector<std::int64_t>& sizes, double overall) {
  check(overall > 0 && overall <= 1, Failure::usage,
        "expected a density above 0 and at most 1, got ", overall);
  double total = 0;
  std::vector<double> shares;
  for (const std::int64_t size : sizes) {
    total += static_cast<double>(size);
    shares.push_back(std::pow(std::max(static_cast<double>(size), 1.0), -0.35));
  }
  std::vector<double> densities(sizes.size());
  const auto living = [&](double scale) {
    double sum = 0;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      densities[i] = std::min(1.0, scale * shares[i]);
      sum += densities[i] * static_cast<double>(sizes[i]);
    }
    return sum;
  };
  // At `high` every density is 1; halving 100 times leaves nothing between the bounds.
  double low = 0, high = 1;
  for (const double share : shares) high = std::max(high, 1 / share);
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (living(middle) < overall * total ? low : high) = middle;
  }
  living(high);
  return densities;
}

std::shared_ptr<const Mask> mask_of(const Parameter& parameter) {
  for (const auto& constraint : parameter.constraints)
    if (auto mask = std::dynamic_pointer_cast<const Mask>(constraint)) return mask;
  return nullptr;
}

void install_mask_from_zeros(Parameter& parameter) {
  const float* const values = parameter.value.floats();
  std::vector<std::uint8_t> alive(static_cast<std::size_t>(parameter.value.elements()));
  std::transform(values, values + alive.size(), alive.begin(),
                 [](float value) { return static_cast<std::uint8_t>(value != 0.0f); });
  install(parameter, std::move(alive));
}

}  // namespace octet

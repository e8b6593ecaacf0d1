#include "quant/compression/rate_distortion.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "quant/compression/pruning.h"

namespace octet {
namespace {

constexpr int most_rounds = 50;

struct Symbols {
  std::vector<double> values;  // the first is zero
  std::vector<double> bits;

  // Of all, so that what lies far from the rest pays for its rarity and for its place in the
  // codebook.
  void price(const std::vector<std::uint64_t>& counts, std::int64_t elements, double value_bits) {
    bits.assign(values.size(), 0);
    for (std::size_t symbol = 0; symbol < values.size(); ++symbol) {
      const double count = std::max<double>(1, static_cast<double>(counts[symbol]));
      bits[symbol] =
          std::log2(static_cast<double>(elements) / count) + (symbol > 0 ? value_bits / count : 0);
    }
    // Where nothing is zero yet, being the first costs no more than being one of many.
    bits[0] = *std::min_element(bits.begin(), bits.end());
  }
};

std::uint32_t best_symbol(const Symbols& symbols, double weight, double importance, double price) {
  double least = std::numeric_limits<double>::max();
  std::uint32_t best = 0;
  for (std::size_t symbol = 0; symbol < symbols.values.size(); ++symbol) {
    const double distance = weight - symbols.values[symbol];
    const double cost = importance * distance * distance + price * symbols.bits[symbol];
    if (cost >= least) continue;
    least = cost;
    best = static_cast<std::uint32_t>(symbol);
  }
  return best;
}

}  // namespace

Sharing cluster_by_price(const Tensor& tensor, const std::vector<float>& importance,
                         const Pricing& pricing) {
  Sharing sharing = cluster(tensor, pricing.clusters, Centroids::linear, 0);
  if (sharing.codebook.empty()) return sharing;
  Symbols symbols{{0.0}, {}};
  symbols.values.insert(symbols.values.end(), sharing.codebook.begin(), sharing.codebook.end());
  std::vector<std::size_t> living;
  for (std::size_t i = 0; i < sharing.assignment.size(); ++i)
    if (sharing.assignment[i] != 0) living.push_back(i);
  const float* const weights = tensor.floats();
  bool moved = true;
  for (int round = 0; round < most_rounds && moved; ++round) {
    std::vector<std::uint64_t> counts(symbols.values.size());
    for (const std::uint32_t symbol : sharing.assignment) ++counts[symbol];
    symbols.price(counts, tensor.elements(), pricing.value_bits);
    moved = false;
    std::vector<double> sums(symbols.values.size()), masses(symbols.values.size());
    for (const std::size_t i : living) {
      const double weight = weights[i], h = importance[i];
      const std::uint32_t best = best_symbol(symbols, weight, h, pricing.price);
      moved = moved || best != sharing.assignment[i];
      sharing.assignment[i] = best;
      const double mass = h + 1e-30;
      sums[best] += mass * weight;
      masses[best] += mass;
    }
    for (std::size_t symbol = 1; symbol < symbols.values.size(); ++symbol)
      if (masses[symbol] > 0) symbols.values[symbol] = sums[symbol] / masses[symbol];
  }
  // What is in use, rising.
  std::vector<std::uint64_t> counts(symbols.values.size());
  for (const std::uint32_t symbol : sharing.assignment) ++counts[symbol];
  std::vector<std::uint32_t> order;
  for (std::uint32_t symbol = 1; symbol < symbols.values.size(); ++symbol)
    if (counts[symbol] > 0) order.push_back(symbol);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return symbols.values[a] < symbols.values[b];
  });
  std::vector<std::uint32_t> renamed(symbols.values.size());
  sharing.codebook.clear();
  for (const std::uint32_t symbol : order) {
    sharing.codebook.push_back(static_cast<float>(symbols.values[symbol]));
    renamed[symbol] = static_cast<std::uint32_t>(sharing.codebook.size());
  }
  for (std::uint32_t& symbol : sharing.assignment) symbol = renamed[symbol];
  return sharing;
}

void share_by_price(Parameter& parameter, const std::vector<float>& importance,
                    const Pricing& pricing) {
  share_as(parameter, [&] { return cluster_by_price(parameter.value, importance, pricing); });
  install_mask_from_zeros(parameter);
}

}  // namespace octet

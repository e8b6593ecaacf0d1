#include "quant/compression/sensitivity.h"

#include <algorithm>
#include <cassert>
#include <limits>

#include "framework/check.h"

namespace octet {
namespace {

// How much the loss falls for each weight more.
double fall(const KeptLoss& a, const KeptLoss& b) { return (a.loss - b.loss) / (b.kept - a.kept); }

// The last corner that pieces falling by `price` and more lead to; without `inclusive` by more.
double kept_at(const std::vector<KeptLoss>& curve, double price, bool inclusive) {
  std::size_t i = 0;
  while (i + 1 < curve.size()) {
    const double slope = fall(curve[i], curve[i + 1]);
    if (inclusive ? slope < price : slope <= price) break;
    ++i;
  }
  return curve[i].kept;
}

double kept_at(const std::vector<std::vector<KeptLoss>>& curves, double price, bool inclusive) {
  double sum = 0;
  for (const auto& curve : curves) sum += kept_at(curve, price, inclusive);
  return sum;
}

}  // namespace

std::vector<KeptLoss> convex_curve(std::vector<KeptLoss> points) {
  std::sort(points.begin(), points.end(), [](const KeptLoss& a, const KeptLoss& b) {
    return a.kept < b.kept || (a.kept == b.kept && a.loss < b.loss);
  });
  double least = std::numeric_limits<double>::infinity();
  std::vector<KeptLoss> curve;
  for (KeptLoss point : points) {
    if (!curve.empty() && point.kept == curve.back().kept) continue;
    // Whoever may keep many weights may keep fewer of them.
    point.loss = least = std::min(least, point.loss);
    while (curve.size() >= 2 &&
           fall(curve[curve.size() - 2], curve.back()) <= fall(curve.back(), point))
      curve.pop_back();
    curve.push_back(point);
  }
  return curve;
}

double loss_at(const std::vector<KeptLoss>& curve, double kept) {
  assert(!curve.empty());
  if (kept <= curve.front().kept) return curve.front().loss;
  for (std::size_t i = 1; i < curve.size(); ++i)
    if (kept <= curve[i].kept)
      return curve[i].loss + fall(curve[i - 1], curve[i]) * (curve[i].kept - kept);
  return curve.back().loss;
}

std::vector<double> allocate_kept(const std::vector<std::vector<KeptLoss>>& curves, double kept) {
  std::vector<double> prices;
  double least = 0, most = 0;
  for (const auto& curve : curves) {
    assert(!curve.empty());
    least += curve.front().kept;
    most += curve.back().kept;
    for (std::size_t i = 1; i < curve.size(); ++i) prices.push_back(fall(curve[i - 1], curve[i]));
  }
  check(kept >= least - static_cast<double>(curves.size()), Failure::usage,
        "expected curves that reach down to ", kept, " weights kept, got ", least, " as the least");
  kept = std::clamp(kept, least, most);
  // Between two prices that occur nothing changes: the multiplier is one of them, the dearest that
  // buys enough weights.
  std::sort(prices.begin(), prices.end());
  std::size_t low = 0, high = prices.size();
  while (high - low > 1) {
    const std::size_t middle = (low + high) / 2;
    (kept_at(curves, prices[middle], true) >= kept ? low : high) = middle;
  }
  const double price = prices.empty() ? 0 : prices[low];
  // At that price itself layers may stand at either end of their piece; all go the same share of
  // the way.
  const double before = kept_at(curves, price, false), after = kept_at(curves, price, true);
  const double share = after > before ? (kept - before) / (after - before) : 0;
  std::vector<double> allocation;
  for (const auto& curve : curves) {
    const double from = kept_at(curve, price, false);
    allocation.push_back(from + share * (kept_at(curve, price, true) - from));
  }
  return allocation;
}

DensityProposal propose_densities(const std::vector<Sensitivity>& layers, double overall) {
  check(overall > 0 && overall <= 1, Failure::usage,
        "expected a density above 0 and at most 1, got ", overall);
  std::vector<std::vector<KeptLoss>> curves;
  double weights = 0;
  for (const Sensitivity& layer : layers) {
    weights += static_cast<double>(layer.weights);
    curves.push_back(convex_curve(layer.points));
  }
  const std::vector<double> kept = allocate_kept(curves, overall * weights);
  DensityProposal proposal;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto size = static_cast<double>(layers[i].weights);
    const auto untouched =
        std::max_element(layers[i].points.begin(), layers[i].points.end(),
                         [](const KeptLoss& a, const KeptLoss& b) { return a.kept < b.kept; });
    proposal.densities.push_back(size > 0 ? kept[i] / size : 1);
    proposal.density += weights > 0 ? kept[i] / weights : 0;
    proposal.loss_rise += loss_at(curves[i], kept[i]) - untouched->loss;
  }
  return proposal;
}

}  // namespace octet

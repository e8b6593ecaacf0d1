#include "quant/numbers/k_means.h"

#include <algorithm>
#include <limits>

namespace octet {
namespace {

// Bounds for adversarial data; k-means on weights settles within a few dozen.
constexpr int max_iterations = 1000;
constexpr int max_rounds = 100;

// Sums over ranges of sorted values in constant time: prefix sums of whole blocks, which need
// little memory, and the odd ends added one by one.
class RangeSums {
 public:
  explicit RangeSums(const std::vector<float>& values) : values_(values) {
    const std::size_t blocks = values.size() / block + 1;
    sums_.resize(blocks);
    squares_.resize(blocks);
    for (std::size_t b = 1; b < blocks; ++b) {
      sums_[b] = sums_[b - 1] + add((b - 1) * block, b * block, 0);
      squares_[b] = squares_[b - 1] + add_squares((b - 1) * block, b * block, 0);
    }
  }
  double mean(std::size_t begin, std::size_t end) const {
    const double sum =
        begin / block == end / block ? add(begin, end, 0) : until(end) - until(begin);
    return sum / static_cast<double>(end - begin);
  }
  /// Sum of squared distances from the mean.
  double cost(std::size_t begin, std::size_t end) const {
    if (values_[begin] == values_[end - 1]) return 0;
    const double m = mean(begin, end);
    return squares_until(end) - squares_until(begin) - static_cast<double>(end - begin) * m * m;
  }

 private:
  static constexpr std::size_t block = 256;
  double add(std::size_t begin, std::size_t end, double sum) const {
    for (std::size_t i = begin; i < end; ++i) sum += values_[i];
    return sum;
  }
  double add_squares(std::size_t begin, std::size_t end, double sum) const {
    for (std::size_t i = begin; i < end; ++i) sum += double{values_[i]} * values_[i];
    return sum;
  }
  double until(std::size_t end) const { return add(end / block * block, end, sums_[end / block]); }
  double squares_until(std::size_t end) const {
    return add_squares(end / block * block, end, squares_[end / block]);
  }

  const std::vector<float>& values_;
  std::vector<double> sums_, squares_;  // over the first b blocks
};

double midpoint(float low, float high) { return (double{low} + double{high}) / 2; }

// Cluster c holds the sorted values begins[c] .. begins[c + 1] - 1.
using Begins = std::vector<std::size_t>;

class Lloyd {
 public:
  explicit Lloyd(const std::vector<float>& values) : values_(values), sums_(values) {}

  /// The centre of a range, as a float that is not zero: zero means pruned.
  float centre(std::size_t begin, std::size_t end) const {
    const float largest = values_[end - 1];
    if (values_[begin] == largest) return largest;
    const auto mean =
        std::clamp(static_cast<float>(sums_.mean(begin, end)), values_[begin], largest);
    if (mean != 0.0f) return mean;
    return largest > 0 ? std::min(std::numeric_limits<float>::min(), largest) : largest;
  }

  /// Moves the centroids to a fixed point, leaving out clusters that run empty; returns the ranges.
  Begins settle(std::vector<float>& centroids) const {
    Begins begins = assign(centroids);
    for (int i = 0; i < max_iterations; ++i) {
      for (std::size_t c = 0; c < centroids.size(); ++c)
        centroids[c] = centre(begins[c], begins[c + 1]);
      Begins next = assign(centroids);
      if (next == begins) break;
      begins = std::move(next);
    }
    return begins;
  }

  /// Splits the costliest clusters at their means until there are `clusters` or no two values are
  /// left in one. False when nothing was split.
  bool split(std::vector<float>& centroids, Begins& begins, std::size_t clusters) const {
    std::vector<double> costs;
    for (std::size_t c = 0; c < centroids.size(); ++c)
      costs.push_back(cost(begins[c], begins[c + 1]));
    bool any = false;
    while (centroids.size() < clusters) {
      const auto worst = std::max_element(costs.begin(), costs.end()) - costs.begin();
      if (costs[static_cast<std::size_t>(worst)] < 0) break;
      const std::size_t begin = begins[static_cast<std::size_t>(worst)];
      const std::size_t end = begins[static_cast<std::size_t>(worst) + 1];
      const auto first = values_.begin() + static_cast<std::ptrdiff_t>(begin);
      const auto last = values_.begin() + static_cast<std::ptrdiff_t>(end);
      auto middle = std::lower_bound(first, last, sums_.mean(begin, end),
                                     [](float value, double mean) { return value < mean; });
      if (middle == first || middle == last) middle = std::lower_bound(first, last, *(last - 1));
      const auto at = static_cast<std::size_t>(middle - values_.begin());
      begins.insert(begins.begin() + worst + 1, at);
      centroids[static_cast<std::size_t>(worst)] = centre(begin, at);
      centroids.insert(centroids.begin() + worst + 1, centre(at, end));
      costs[static_cast<std::size_t>(worst)] = cost(begin, at);
      costs.insert(costs.begin() + worst + 1, cost(at, end));
      any = true;
    }
    return any;
  }

 private:
  // Minus one where all values are equal, so that it is told from a small cost rounded to zero.
  double cost(std::size_t begin, std::size_t end) const {
    return values_[begin] == values_[end - 1] ? -1 : std::max(0.0, sums_.cost(begin, end));
  }

  Begins assign(std::vector<float>& centroids) const {
    Begins begins{0};
    std::vector<float> kept;
    for (std::size_t c = 0; c < centroids.size(); ++c) {
      std::size_t end = values_.size();
      if (c + 1 < centroids.size()) {
        const double bound = midpoint(centroids[c], centroids[c + 1]);
        end = static_cast<std::size_t>(
            std::lower_bound(values_.begin() + static_cast<std::ptrdiff_t>(begins.back()),
                             values_.end(), bound,
                             [](float value, double limit) { return value < limit; }) -
            values_.begin());
      }
      if (end == begins.back()) continue;
      begins.push_back(end);
      kept.push_back(centroids[c]);
    }
    centroids = std::move(kept);
    return begins;
  }

  const std::vector<float>& values_;
  RangeSums sums_;
};

}  // namespace

std::size_t nearest_centroid(const std::vector<float>& centroids, float value) {
  std::size_t low = 0, high = centroids.size() - 1;
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (value < midpoint(centroids[middle], centroids[middle + 1]))
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

std::vector<float> refine_centroids(const std::vector<float>& values, std::vector<float> centroids,
                                    int clusters) {
  if (values.empty()) return {};
  const Lloyd lloyd(values);
  Begins begins = lloyd.settle(centroids);
  for (int i = 0; i < max_rounds; ++i) {
    if (!lloyd.split(centroids, begins, static_cast<std::size_t>(clusters))) break;
    begins = lloyd.settle(centroids);
  }
  return centroids;
}

}  // namespace octet

// K-means on numbers in a row: clusters are ranges, and sums over ranges come from prefix sums, so
// that an iteration costs the number of clusters and not of values.
#pragma once

#include <cstddef>
#include <vector>

namespace octet {

/// Lloyd's algorithm on values in rising order, all finite, from centroids in rising order:
/// centroids at a local minimum of the cost, rising, never zero. Where clusters ran empty or there
/// are fewer than `clusters`, those of largest cost are split. The cost never grows on the way.
std::vector<float> refine_centroids(const std::vector<float>& values, std::vector<float> centroids,
                                    int clusters);

/// The place in `centroids` (rising) of the one nearest to `value`; of two the upper one.
std::size_t nearest_centroid(const std::vector<float>& centroids, float value);

}  // namespace octet

// Weight sharing: k-means on a layer's living weights,  minimise  sum over i of (w[i] - c[a[i]])^2,
// from linear, density-based or Forgy centroids (Han, Mao, Dally 2015, section 3).
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "framework/parameter.h"
#include "framework/tensor.h"

namespace octet {

/// Where the centroids begin: equally spaced between the extremes, at equally spaced quantiles, or
/// at random weights.
enum class Centroids { linear, density, forgy };

std::string_view print(Centroids centroids);
/// Throws Error(usage) unless the text is linear, density or forgy.
Centroids parse_centroids(std::string_view text);

inline constexpr int max_clusters = 4096;

struct Sharing {
  std::vector<float> codebook;            ///< rising, never zero
  std::vector<std::uint32_t> assignment;  ///< by element: 0 for a zero, else 1 + place in codebook
};

/// Clusters the elements of a float32 tensor that are not zero into at most `clusters` groups.
/// Where there are no more distinct values than that, they are kept exactly. `seed` matters to
/// forgy alone. Throws Error(usage) unless 1 <= clusters <= max_clusters, Error(numbers) when an
/// element is not finite.
Sharing cluster(const Tensor& tensor, int clusters, Centroids centroids, std::uint64_t seed);

/// Replaces the weights by their centroids and installs SharedWeights in place of an earlier one;
/// a Mask stays. Errors as above, naming the parameter.
void share(Parameter& parameter, int clusters, Centroids centroids, std::uint64_t seed);

/// The same by another rule.
void share_as(Parameter& parameter, const std::function<Sharing()>& rule);

}  // namespace octet

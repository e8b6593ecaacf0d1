// Weight sharing that pays for its bits: each weight goes to the centroid, zero among them, that
// costs least in loss and in code length together,
//   minimise  sum over i of  h[i] / 2 * (w[i] - c[a[i]])^2  +  price * bits(a[i]),
// h being the loss's curvature and bits the ideal code's for the symbols as they are assigned
// (Chou, Lookabaugh, Gray 1989; Choi, El-Khamy, Lee 2017).
#pragma once

#include <vector>

#include "framework/parameter.h"
#include "quant/compression/weight_sharing.h"

namespace octet {

struct Pricing {
  double price = 0;        ///< in units of loss, of a bit
  int clusters = 31;       ///< at most so many values besides zero
  double value_bits = 16;  ///< what a value costs in the codebook
};

/// Assigns the elements of a float32 tensor; zeros stay zero and others may become it.
/// `importance`: h / 2 of each element, at least 0; centroids are means weighted by it. Beginning
/// with k-means, assignment, code lengths and centroids are found in turn until no weight moves,
/// 50 times at most. Errors as `cluster`.
Sharing cluster_by_price(const Tensor& tensor, const std::vector<float>& importance,
                         const Pricing& pricing);

/// As `share`, by the rule above; a Mask is brought up to date.
void share_by_price(Parameter& parameter, const std::vector<float>& importance,
                    const Pricing& pricing);

}  // namespace octet

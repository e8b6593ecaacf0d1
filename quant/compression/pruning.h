// Magnitude pruning: the smallest weights become zero and stay so under a Mask.
// Han, Pool, Tran, Dally 2015 (1506.02626).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "framework/parameter.h"
#include "quant/compression/constraints.h"

namespace octet {

/// Keeps the round(density * elements), at least 1, weights of largest magnitude (of equals those
/// that come first), zeroes the others and installs the Mask in place of an earlier one, whose
/// zeros all stay. Throws Error(usage) unless 0 < density <= 1 or when the weights are shared
/// already, Error(numbers) when a weight is not finite; both name the parameter.
void prune(Parameter& parameter, double density);

/// Share of elements that are not zero; 0 for an empty tensor.
double density(const Tensor& tensor);

/// A density for each layer of `sizes` weights, proportional to size^-0.35 and at most 1, such that
/// `overall` (in (0, 1], else Error(usage)) of all weights live: small layers stay denser.
std::vector<double> densities_by_size(const std::vector<std::int64_t>& sizes, double overall);

/// The Mask among the constraints, or null.
std::shared_ptr<const Mask> mask_of(const Parameter& parameter);

/// Makes the zeros of the value permanent: installs their Mask in place of an earlier one.
void install_mask_from_zeros(Parameter& parameter);

}  // namespace octet

// What pruning and weight sharing demand of a parameter, as a value that can be read off stored
// weights, compared, saved and installed again: the elements fall into groups,
//   group 0 stays zero,  two elements of one group stay equal.
#pragma once

#include <cstdint>
#include <vector>

#include "framework/parameter.h"

namespace octet {

struct Kept {
  bool zeros = false;     ///< under a Mask
  bool clusters = false;  ///< under SharedWeights
  /// By element: 0, or the cluster's number, 1, 2, ... in the order of appearance; 1 for all living
  /// elements where there are no clusters. Empty where neither is kept.
  std::vector<std::uint32_t> groups;

  bool any() const { return zeros || clusters; }
  bool operator==(const Kept&) const = default;
};

/// What the parameter's constraints demand.
Kept kept_by_constraints(const Parameter& parameter);

/// What the values would demand of themselves: zeros stay zero and, with `clusters`, equal values
/// stay equal. A living weight that has come to be zero is taken for pruned, and two clusters that
/// have met for one. Throws Error(usage) where there are more than max_clusters clusters.
Kept kept_by_values(const Tensor& value, bool zeros, bool clusters);

/// Installs Mask and SharedWeights in place of earlier ones; the values must satisfy them.
void install(const Kept& kept, Parameter& parameter);

/// Installs SharedWeights whose clusters are the distinct values of the parameter; the zeros stay
/// zero. Throws Error(usage), naming the parameter, where there are more than max_clusters.
void share_as_stored(Parameter& parameter);

}  // namespace octet

// What pruning and weight sharing demand of stored weights.
// Mask: w[i] = 0 where pruned. SharedWeights: w[i] = codebook[cluster of i], and the gradient of a
// centroid is the sum over its members (Han et al. 2015, section 3).
#pragma once

#include <cstdint>
#include <vector>

#include "framework/parameter.h"

namespace octet {

class Mask : public Constraint {
 public:
  /// By element: 1 where the weight lives, 0 where it is pruned.
  explicit Mask(std::vector<std::uint8_t> alive);

  void project_gradient(Parameter& parameter) override;
  void project_value(Parameter& parameter) override;
  void verify(const Parameter& parameter) const override;

  const std::vector<std::uint8_t>& alive() const { return alive_; }

 private:
  std::vector<std::uint8_t> alive_;
};

class SharedWeights : public Constraint {
 public:
  /// By element: 0 where pruned, else the cluster 1 .. clusters. At most 2^32 - 1 elements.
  SharedWeights(const std::vector<std::uint32_t>& assignment, std::uint32_t clusters);

  /// Every member gets the sum over its cluster, added in double in the order of the elements.
  void project_gradient(Parameter& parameter) override;
  /// Every member gets the value of its cluster's first member.
  void project_value(Parameter& parameter) override;
  /// At most `clusters` values besides zero, each where it belongs, and zeros where pruned.
  void verify(const Parameter& parameter) const override;

  /// As it was given.
  std::vector<std::uint32_t> assignment() const;
  std::uint32_t clusters() const { return static_cast<std::uint32_t>(begins_.size() - 2); }

 private:
  template <class Body>
  void for_each_cluster(const Body& body) const;

  std::vector<std::uint32_t> members_;  // elements, by cluster and then by place; pruned ones first
  std::vector<std::size_t> begins_;     // where in members_ cluster c begins; one more at the end
};

}  // namespace octet

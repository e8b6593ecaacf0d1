#include "quant/compression/constraints.h"

#include <limits>

#include "framework/check.h"
#include "framework/parallel.h"

namespace octet {
namespace {

constexpr std::int64_t grain = 1 << 15;  // elements worth a thread

// Writes instead of multiplying: a pruned NaN becomes zero too, and never minus zero.
void zero_pruned(const std::vector<std::uint8_t>& alive, Tensor& tensor) {
  assert(static_cast<std::int64_t>(alive.size()) == tensor.elements());
  float* const values = tensor.floats();
  parallel_for(tensor.elements(), grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      values[i] = alive[static_cast<std::size_t>(i)] ? values[i] : 0.0f;
  });
}

}  // namespace

Mask::Mask(std::vector<std::uint8_t> alive) : alive_(std::move(alive)) {}

void Mask::project_gradient(Parameter& parameter) { zero_pruned(alive_, parameter.gradient); }

void Mask::project_value(Parameter& parameter) { zero_pruned(alive_, parameter.value); }

void Mask::verify(const Parameter& parameter) const {
  const Tensor& value = parameter.value;
  check(static_cast<std::int64_t>(alive_.size()) == value.elements(), Failure::failed,
        parameter.name, ": expected a mask of ", value.elements(), " elements, got ",
        alive_.size());
  for (std::int64_t i = 0; i < value.elements(); ++i)
    check(alive_[static_cast<std::size_t>(i)] || value.floats()[i] == 0.0f, Failure::failed,
          parameter.name, ": expected zero at pruned element ", i, ", got ", value.floats()[i]);
}

SharedWeights::SharedWeights(const std::vector<std::uint32_t>& assignment, std::uint32_t clusters)
    : members_(assignment.size()), begins_(std::size_t{clusters} + 2) {
  check(assignment.size() <= std::numeric_limits<std::uint32_t>::max(), Failure::usage,
        "weight sharing takes at most 2^32 - 1 elements, got ", assignment.size());
  for (const std::uint32_t cluster : assignment) {
    check(cluster <= clusters, Failure::usage, "expected a cluster of at most ", clusters, ", got ",
          cluster);
    ++begins_[cluster + 1];
  }
  for (std::size_t c = 1; c < begins_.size(); ++c) begins_[c] += begins_[c - 1];
  std::vector<std::size_t> next = begins_;
  for (std::size_t i = 0; i < assignment.size(); ++i)
    members_[next[assignment[i]]++] = static_cast<std::uint32_t>(i);
}

std::vector<std::uint32_t> SharedWeights::assignment() const {
  std::vector<std::uint32_t> assignment(members_.size());
  for (std::size_t c = 0; c + 1 < begins_.size(); ++c)
    for (std::size_t at = begins_[c]; at < begins_[c + 1]; ++at)
      assignment[members_[at]] = static_cast<std::uint32_t>(c);
  return assignment;
}

// Calls body(cluster, first member, one after the last) for the pruned (cluster 0) and the others.
template <class Body>
void SharedWeights::for_each_cluster(const Body& body) const {
  const auto count = static_cast<std::int64_t>(begins_.size() - 1);
  const auto elements = static_cast<std::int64_t>(members_.size());
  parallel_for(
      count, std::max<std::int64_t>(1, grain * count / std::max<std::int64_t>(elements, 1)),
      [&](std::int64_t first, std::int64_t last) {
        for (auto c = static_cast<std::size_t>(first); c < static_cast<std::size_t>(last); ++c)
          body(c, members_.data() + begins_[c], members_.data() + begins_[c + 1]);
      });
}

void SharedWeights::project_gradient(Parameter& parameter) {
  assert(static_cast<std::int64_t>(members_.size()) == parameter.gradient.elements());
  float* const gradient = parameter.gradient.floats();
  for_each_cluster([&](std::size_t cluster, const std::uint32_t* begin, const std::uint32_t* end) {
    double sum = 0;
    if (cluster > 0)
      for (const std::uint32_t* i = begin; i < end; ++i) sum += gradient[*i];
    for (const std::uint32_t* i = begin; i < end; ++i) gradient[*i] = static_cast<float>(sum);
  });
}

void SharedWeights::project_value(Parameter& parameter) {
  assert(static_cast<std::int64_t>(members_.size()) == parameter.value.elements());
  float* const value = parameter.value.floats();
  for_each_cluster([&](std::size_t cluster, const std::uint32_t* begin, const std::uint32_t* end) {
    if (begin == end) return;
    const float shared = cluster > 0 ? value[*begin] : 0.0f;
    for (const std::uint32_t* i = begin; i < end; ++i) value[*i] = shared;
  });
}

void SharedWeights::verify(const Parameter& parameter) const {
  check(static_cast<std::int64_t>(members_.size()) == parameter.value.elements(), Failure::failed,
        parameter.name, ": expected an assignment of ", parameter.value.elements(),
        " elements, got ", members_.size());
  const float* const value = parameter.value.floats();
  for (std::size_t c = 0; c + 1 < begins_.size(); ++c)
    for (std::size_t at = begins_[c]; at < begins_[c + 1]; ++at) {
      const float expected = c > 0 ? value[members_[begins_[c]]] : 0.0f;
      check(value[members_[at]] == expected, Failure::failed, parameter.name, ": expected ",
            expected, " at element ", members_[at], " of cluster ", c, ", got ",
            value[members_[at]]);
    }
}

}  // namespace octet

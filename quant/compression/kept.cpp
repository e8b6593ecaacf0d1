#include "quant/compression/kept.h"

#include <algorithm>
#include <bit>
#include <unordered_map>

#include "framework/check.h"
#include "quant/compression/constraints.h"
#include "quant/compression/pruning.h"
#include "quant/compression/weight_sharing.h"

namespace octet {
namespace {

std::shared_ptr<const SharedWeights> clusters_of(const Parameter& parameter) {
  for (const auto& constraint : parameter.constraints)
    if (auto shared = std::dynamic_pointer_cast<const SharedWeights>(constraint)) return shared;
  return nullptr;
}

// Numbers groups by their first element, whatever they were called.
class Renumbering {
 public:
  std::uint32_t number(std::uint32_t group) {
    return numbers_.try_emplace(group, static_cast<std::uint32_t>(numbers_.size()) + 1)
        .first->second;
  }
  std::size_t size() const { return numbers_.size(); }

 private:
  std::unordered_map<std::uint32_t, std::uint32_t> numbers_;
};

}  // namespace

Kept kept_by_constraints(const Parameter& parameter) {
  const auto mask = mask_of(parameter);
  const auto shared = clusters_of(parameter);
  Kept kept{.zeros = mask != nullptr, .clusters = shared != nullptr, .groups = {}};
  if (shared) {
    Renumbering names;
    kept.groups = shared->assignment();
    for (std::uint32_t& group : kept.groups) group = group > 0 ? names.number(group) : 0;
  } else if (mask) {
    kept.groups.assign(mask->alive().begin(), mask->alive().end());
  }
  return kept;
}

Kept kept_by_values(const Tensor& value, bool zeros, bool clusters) {
  Kept kept{.zeros = zeros, .clusters = clusters, .groups = {}};
  if (!kept.any()) return kept;
  const float* const values = value.floats();
  kept.groups.resize(static_cast<std::size_t>(value.elements()));
  Renumbering names;
  for (std::size_t i = 0; i < kept.groups.size(); ++i) {
    if (values[i] == 0) continue;
    kept.groups[i] = clusters ? names.number(std::bit_cast<std::uint32_t>(values[i])) : 1;
    check(names.size() <= max_clusters, Failure::usage, "expected at most ", max_clusters,
          " distinct values, got more");
  }
  return kept;
}

void install(const Kept& kept, Parameter& parameter) {
  assert(!kept.any() ||
         static_cast<std::int64_t>(kept.groups.size()) == parameter.value.elements());
  std::erase_if(parameter.constraints, [](const auto& constraint) {
    return std::dynamic_pointer_cast<const SharedWeights>(constraint) != nullptr ||
           std::dynamic_pointer_cast<const Mask>(constraint) != nullptr;
  });
  auto& constraints = parameter.constraints;
  if (kept.zeros) {
    std::vector<std::uint8_t> alive(kept.groups.size());
    std::transform(kept.groups.begin(), kept.groups.end(), alive.begin(),
                   [](std::uint32_t group) { return static_cast<std::uint8_t>(group > 0); });
    constraints.insert(constraints.begin(), std::make_shared<Mask>(std::move(alive)));
  }
  if (!kept.clusters) return;
  const auto last = std::max_element(kept.groups.begin(), kept.groups.end());
  constraints.push_back(
      std::make_shared<SharedWeights>(kept.groups, last == kept.groups.end() ? 0 : *last));
}

void share_as_stored(Parameter& parameter) try {
  install(kept_by_values(parameter.value, mask_of(parameter) != nullptr, true), parameter);
} catch (const Error& error) {
  fail(error.kind, parameter.name, ": ", error.what());
}

}  // namespace octet

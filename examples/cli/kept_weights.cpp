#include "examples/cli/kept_weights.h"

#include <algorithm>

#include "layers/build.h"
#include "layers/fold_batch_norm.h"
#include "quant/compression/kept.h"
#include "quant/compression/pruning.h"

namespace octet::cli {
namespace {

std::int64_t count_batch_norms(const Definition& definition) {
  return std::count_if(definition.layers.begin(), definition.layers.end(),
                       [](const Spec& spec) { return spec.kind == "batch_norm"; });
}

// Values that each occur once are not shared, however they are stored.
bool is_shared(const Parameter& parameter, const std::vector<TensorReport>& reports) {
  return std::any_of(reports.begin(), reports.end(), [&](const TensorReport& report) {
    return report.name == parameter.name && report.coding != Coding::raw && report.clusters > 0 &&
           report.clusters < report.nonzeros;
  });
}

}  // namespace

void keep_zeros(Network& network) {
  for (Parameter* parameter : network.parameters())
    if (parameter->is_weight && density(parameter->value) < 1) install_mask_from_zeros(*parameter);
}

KeptCounts keep_as_stored(Network& network, const std::vector<TensorReport>& reports) {
  keep_zeros(network);
  const std::vector<Parameter*> parameters = network.parameters();
  if (std::none_of(parameters.begin(), parameters.end(), [&](const Parameter* parameter) {
        return parameter->is_weight && (mask_of(*parameter) || is_shared(*parameter, reports));
      }))
    return {};
  KeptCounts counts;
  for (Parameter* parameter : parameters) {
    counts.zeros += mask_of(*parameter) != nullptr;
    if (!is_shared(*parameter, reports)) continue;
    share_as_stored(*parameter);
    ++counts.clusters;
  }
  return counts;
}

int fold_network(Network& network, const std::map<std::string, std::string>& attributes) {
  Model model = network.snapshot();
  model.attributes = attributes;
  const Model folded = fold_batch_norm(model);
  const auto count =
      static_cast<int>(count_batch_norms(model.definition) - count_batch_norms(folded.definition));
  if (count == 0) return 0;
  network = build_network(folded);
  keep_zeros(network);
  return count;
}

}  // namespace octet::cli

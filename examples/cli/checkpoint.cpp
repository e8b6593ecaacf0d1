#include "examples/cli/checkpoint.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "examples/cli/session.h"
#include "framework/check.h"
#include "quant/compression/kept.h"
#include "quant/compression/weight_sharing.h"

namespace octet::cli {
namespace {

constexpr const char* key = "training";
const std::string prefix = "optimizer.", kept_prefix = prefix + "kept.";

void restore_tensor(const Model& model, const std::string& name, Tensor& tensor) {
  const auto found = model.tensors.find(prefix + name);
  check(found != model.tensors.end() && found->second.shape() == tensor.shape() &&
            found->second.element() == tensor.element(),
        Failure::data, "the checkpoint lacks the optimiser's ", name,
        ": was it saved with another optimiser?");
  tensor = found->second;
}

// "\nconv1.weight zeros clusters"
std::string add_kept(Model& model, const Parameter& parameter) {
  const Kept kept = kept_by_constraints(parameter);
  if (!kept.any()) return "";
  if (kept != kept_by_values(parameter.value, kept.zeros, kept.clusters)) {
    // As floats, of which a file stores few distinct ones in little.
    Tensor groups(parameter.value.shape());
    std::copy(kept.groups.begin(), kept.groups.end(), groups.floats());
    model.tensors[kept_prefix + parameter.name] = std::move(groups);
  }
  return "\n" + parameter.name + (kept.zeros ? " zeros" : "") + (kept.clusters ? " clusters" : "");
}

Kept saved_groups(const Tensor& groups, const Parameter& parameter, bool zeros, bool clusters) {
  Kept kept{.zeros = zeros, .clusters = clusters, .groups = {}};
  const float* const values = groups.floats();
  check(groups.element() == Element::float32 && groups.shape() == parameter.value.shape() &&
            std::all_of(values, values + groups.elements(),
                        [](float x) { return x >= 0 && x <= max_clusters && x == std::floor(x); }),
        Failure::data, "tensor ", kept_prefix, parameter.name,
        ": expected numbers of clusters for ", print(parameter.value.shape()));
  kept.groups.assign(values, values + groups.elements());
  return kept;
}

// Of one line of the attribute, for a parameter that has its values already.
void restore_kept(const Model& model, const std::string& line,
                  const std::vector<Parameter*>& parameters) {
  std::istringstream words(line);
  std::string name, word;
  words >> name;
  bool zeros = false, clusters = false, known = true;
  while (words >> word) {
    zeros = zeros || word == "zeros";
    clusters = clusters || word == "clusters";
    known = known && (word == "zeros" || word == "clusters");
  }
  const auto found =
      std::find_if(parameters.begin(), parameters.end(),
                   [&](const Parameter* parameter) { return parameter->name == name; });
  check(known && (zeros || clusters) && found != parameters.end(), Failure::data,
        "the checkpoint's attribute '", key, "' is damaged: '", line, "'");
  Parameter& parameter = **found;
  const auto groups = model.tensors.find(kept_prefix + name);
  install(groups != model.tensors.end() ? saved_groups(groups->second, parameter, zeros, clusters)
                                        : kept_by_values(parameter.value, zeros, clusters),
          parameter);
  for (const auto& constraint : parameter.constraints) constraint->verify(parameter);
}

}  // namespace

void add_checkpoint(Model& model, Optimizer& optimizer, const TrainingState& state,
                    const RunRecord& record, const Memory& memory) {
  for (const auto& [name, tensor] : optimizer.state()) model.tensors[prefix + name] = *tensor;
  for (const auto& [name, tensor] : memory) model.tensors[prefix + name] = *tensor;
  const auto whole = [](auto value) { return static_cast<long long>(value); };
  // %a prints a double exactly.
  model.attributes[key] = format_text(
      "%llu %lld %lld %lld %a %lld %lld %a %lld %a", static_cast<unsigned long long>(state.seed),
      whole(state.epoch), whole(state.batch), whole(state.step), state.metrics.loss_sum,
      whole(state.metrics.wrong), whole(state.metrics.images), record.best_error,
      whole(record.best_epoch), record.seconds);
  for (const Parameter* parameter : optimizer.parameters())
    model.attributes[key] += add_kept(model, *parameter);
}

void restore_checkpoint(const Model& model, Network& network, Optimizer& optimizer,
                        TrainingState& state, RunRecord& record, const Memory& memory) {
  network.restore(model);
  for (const auto& [name, tensor] : optimizer.state()) restore_tensor(model, name, *tensor);
  for (const auto& [name, tensor] : memory) restore_tensor(model, name, *tensor);
  unsigned long long seed = 0;
  long long epoch = 0, batch = 0, step = 0, wrong = 0, images = 0, best_epoch = 0;
  const std::string& text = model.attribute(key);
  const int fields = std::sscanf(text.c_str(), "%llu %lld %lld %lld %la %lld %lld %la %lld %la",
                                 &seed, &epoch, &batch, &step, &state.metrics.loss_sum, &wrong,
                                 &images, &record.best_error, &best_epoch, &record.seconds);
  check(fields == 10 && epoch >= 0 && batch >= 0 && step >= 0, Failure::data,
        "the checkpoint's attribute '", key, "' is damaged: '", text, "'");
  state.seed = seed;
  state.epoch = epoch;
  state.batch = batch;
  state.step = step;
  state.metrics.wrong = wrong;
  state.metrics.images = images;
  record.best_epoch = best_epoch;
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) restore_kept(model, line, optimizer.parameters());
}

std::int64_t steps_done(const Model& model) {
  const std::string& text = model.attribute(key);
  long long step = -1;
  check(std::sscanf(text.c_str(), "%*u %*d %*d %lld", &step) == 1 && step >= 0, Failure::data,
        "the checkpoint's attribute '", key, "' is damaged: '", text, "'");
  return step;
}

}  // namespace octet::cli

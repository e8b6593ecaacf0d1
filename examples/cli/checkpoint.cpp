#include "examples/cli/checkpoint.h"

#include <sstream>

#include "examples/cli/session.h"
#include "framework/check.h"

namespace octet::cli {
namespace {

constexpr const char* key = "training";

}  // namespace

void add_checkpoint(Model& model, Optimizer& optimizer, const TrainingState& state,
                    const RunRecord& record) {
  for (const auto& [name, tensor] : optimizer.state()) model.tensors["optimizer." + name] = *tensor;
  const auto whole = [](auto value) { return static_cast<long long>(value); };
  // %a prints a double exactly.
  model.attributes[key] = format_text(
      "%llu %lld %lld %lld %a %lld %lld %a %lld %a", static_cast<unsigned long long>(state.seed),
      whole(state.epoch), whole(state.batch), whole(state.step), state.metrics.loss_sum,
      whole(state.metrics.wrong), whole(state.metrics.images), record.best_error,
      whole(record.best_epoch), record.seconds);
}

void restore_checkpoint(const Model& model, Network& network, Optimizer& optimizer,
                        TrainingState& state, RunRecord& record) {
  network.restore(model);
  for (const auto& [name, tensor] : optimizer.state()) {
    const auto found = model.tensors.find("optimizer." + name);
    check(found != model.tensors.end() && found->second.shape() == tensor->shape() &&
              found->second.element() == tensor->element(),
          Failure::data, "the checkpoint lacks the optimiser's ", name,
          ": was it saved with another optimiser?");
    *tensor = found->second;
  }
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
}

}  // namespace octet::cli

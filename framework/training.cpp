#include "framework/training.h"

#include <cmath>
#include <cstring>

#include "framework/check.h"
#include "framework/files.h"
#include "framework/parallel.h"
#include "framework/profile.h"

namespace octet {
namespace {

// Counting lost codes costs a little: of so many steps, one is metered.
constexpr std::int64_t metered_every = 16;

std::int64_t count_wrong(const Tensor& scores, const std::vector<std::int32_t>& labels) {
  const std::vector<std::int32_t> given = answers(scores);
  std::int64_t wrong = 0;
  for (std::size_t i = 0; i < given.size(); ++i) wrong += given[i] != labels[i];
  return wrong;
}

const Batch* next_batch(DataLoader& loader) {
  profile::Scope scope("", "data", "wait");
  return loader.next();
}

double measure(const Loss& loss, const Tensor& scores, const std::vector<std::int32_t>& labels,
               Tensor* error) {
  profile::Scope scope("", "loss", "evaluate");
  return loss.evaluate(scores, labels, error);
}

void multiply(Tensor& values, float factor) {
  parallel_for(values.elements(), 1 << 15, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) values.floats()[i] *= factor;
  });
}

}  // namespace

std::vector<std::int32_t> answers(const Tensor& scores) {
  const std::int64_t n = scores.shape()[0], classes = scores.elements() / n;
  std::vector<std::int32_t> best(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) {
    const float* row = scores.floats() + i * classes;
    std::int32_t k = 0;
    for (std::int32_t j = 1; j < classes; ++j)
      if (row[j] > row[k]) k = j;
    best[static_cast<std::size_t>(i)] = k;
  }
  return best;
}

bool train_epoch(Network& network, const Loss& loss, Optimizer& optimizer, DataLoader& loader,
                 const std::function<float(std::int64_t step)>& rate, TrainingState& state,
                 const std::function<bool(const TrainingState&)>& go_on) {
  Tensor error;
  loader.start(state.epoch, state.batch);
  while (const Batch* batch = next_batch(loader)) {
    const Pass pass{.training = true,
                    .seed = state.seed,
                    .step = static_cast<std::uint64_t>(state.step),
                    .metered = state.step % metered_every == 0,
                    .observes_only = state.step < state.observe_until,
                    .loss_scale = state.loss_scale,
                    .frozen_statistics = state.step >= state.freeze_from};
    const Tensor& scores = network.forward(batch->images, pass);
    const double value = measure(loss, scores, batch->labels, &error);
    check(std::isfinite(value), Failure::numbers, "the loss became ", value, " at step ",
          state.step + 1, ": expected a finite number; try a smaller learning rate");
    const auto images = static_cast<std::int64_t>(batch->labels.size());
    state.metrics.loss_sum += value * static_cast<double>(images);
    state.metrics.wrong += count_wrong(scores, batch->labels);
    state.metrics.images += images;
    if (state.loss_scale != 1) multiply(error, state.loss_scale);
    network.backward(error, pass);
    if (state.loss_scale != 1)
      for (Parameter* parameter : network.parameters())
        multiply(parameter->gradient, 1 / state.loss_scale);
    optimizer.step(rate(state.step));
    ++state.step;
    ++state.batch;
    if (go_on && !go_on(state) && state.batch < loader.batches()) return false;
  }
  for (const Parameter* parameter : network.parameters())
    for (const auto& constraint : parameter->constraints) constraint->verify(*parameter);
  ++state.epoch;
  state.batch = 0;
  return true;
}

void reestimate_statistics(Network& network, DataLoader& loader, std::int64_t most,
                           const TrainingState& state) {
  loader.start(state.epoch);
  for (std::int64_t i = 0; i < most; ++i) {
    const Batch* const batch = next_batch(loader);
    if (!batch) break;
    network.forward(batch->images, {.training = true,
                                    .seed = state.seed,
                                    .step = static_cast<std::uint64_t>(state.step + i),
                                    .statistics_share = 1.0 / static_cast<double>(i + 1)});
  }
}

Metrics evaluate(Network& network, const Loss& loss, DataLoader& loader,
                 std::vector<std::int64_t>* confusion) {
  return evaluate(
      [&](const Tensor& images) -> const Tensor& { return network.forward(images, {}); }, loss,
      loader, confusion);
}

Metrics evaluate(const Forward& forward, const Loss& loss, DataLoader& loader,
                 std::vector<std::int64_t>* confusion) {
  Metrics metrics;
  loader.start(0);
  while (const Batch* batch = next_batch(loader)) {
    const Tensor& scores = forward(batch->images);
    const auto images = static_cast<std::int64_t>(batch->labels.size());
    const double value = measure(loss, scores, batch->labels, nullptr);
    check(std::isfinite(value), Failure::numbers, "the loss of an evaluation is ", value,
          ": expected a finite number; the training has diverged");
    metrics.loss_sum += value * static_cast<double>(images);
    metrics.wrong += count_wrong(scores, batch->labels);
    metrics.images += images;
    if (!confusion) continue;
    const auto classes = static_cast<std::size_t>(scores.elements() / images);
    confusion->resize(classes * classes);
    const std::vector<std::int32_t> given = answers(scores);
    for (std::size_t i = 0; i < given.size(); ++i)
      ++(*confusion)[static_cast<std::size_t>(batch->labels[i]) * classes +
                     static_cast<std::size_t>(given[i])];
  }
  return metrics;
}

std::string state_hash(const Network& network, Optimizer& optimizer) {
  Bytes bytes;
  const auto add = [&](const Tensor& tensor) {
    const auto* raw = static_cast<const std::uint8_t*>(tensor.raw());
    bytes.insert(bytes.end(), raw, raw + tensor.bytes());
  };
  for (const Parameter* parameter : network.parameters()) add(parameter->value);
  for (const auto& [name, tensor] : network.state()) add(*tensor);
  for (const auto& [name, tensor] : optimizer.state()) add(*tensor);
  return sha256(bytes.data(), bytes.size()).substr(0, 16);
}

}  // namespace octet

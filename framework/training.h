// Training and evaluation: the loops over batches. Everything a run needs to go on after a stop is
// in TrainingState, the network and the optimiser.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "framework/data_loader.h"
#include "framework/loss.h"
#include "framework/network.h"
#include "framework/optimizer.h"

namespace octet {

/// Sums over the images seen.
struct Metrics {
  double loss_sum = 0;
  std::int64_t wrong = 0, images = 0;

  double loss() const { return images > 0 ? loss_sum / static_cast<double>(images) : 0; }
  /// Share of the images whose largest score is not the label's.
  double error() const {
    return images > 0 ? static_cast<double>(wrong) / static_cast<double>(images) : 0;
  }
};

struct TrainingState {
  std::uint64_t seed = 0;
  std::int64_t epoch = 0;  ///< epochs done
  std::int64_t batch = 0;  ///< batches of the current epoch done
  std::int64_t step = 0;   ///< batches done in all
  Metrics metrics;         ///< of the current epoch
  // Of a run that simulates codes: ranges are only observed up to a step (a delayed start), and
  // batch norms keep their statistics from another on.
  std::int64_t observe_until = 0;
  std::int64_t freeze_from = std::numeric_limits<std::int64_t>::max();
  /// Errors are propagated so many times as large, and gradients divided by it before the step: a
  /// power of two, for formats of errors with a fixed smallest step (Micikevicius 2018).
  float loss_scale = 1;
};

/// Trains until the end of the epoch, beginning at state.batch; `rate` gives the learning rate of a
/// step. After each step `go_on` is asked (may be empty); when it says no before the epoch's last
/// the function returns false, with a state from which the rest can be trained to the same bits. At
/// the end the constraints are verified and state.epoch counts one more. Throws Error(numbers) when
/// the loss is not finite.
bool train_epoch(Network& network, const Loss& loss, Optimizer& optimizer, DataLoader& loader,
                 const std::function<float(std::int64_t step)>& rate, TrainingState& state,
                 const std::function<bool(const TrainingState&)>& go_on);

/// Forward passes over the first batches, `most` at most, of the epoch that the state begins, with
/// weights as they are: batch norms' running statistics become the mean over these batches (Wu,
/// Johnson 2021: precise batch norm). Running statistics lag behind weights that jump, such as
/// binary ones. What formats remember from pass to pass (smoothed ranges, counts of overflows) goes
/// on as in training; parameters stay as they are.
void reestimate_statistics(Network& network, DataLoader& loader, std::int64_t most,
                           const TrainingState& state);

/// Metrics over all of the loader's pictures. Throws Error(numbers) when the loss is not finite.
/// `confusion`, when given, becomes classes x classes counts, row = label, column = answer.
Metrics evaluate(Network& network, const Loss& loss, DataLoader& loader,
                 std::vector<std::int64_t>* confusion = nullptr);

/// The same of anything that gives scores, float32, for N x H x W x C images.
using Forward = std::function<const Tensor&(const Tensor& images)>;
Metrics evaluate(const Forward& forward, const Loss& loss, DataLoader& loader,
                 std::vector<std::int64_t>* confusion = nullptr);

/// Index of the largest score of each image; the first of equals.
std::vector<std::int32_t> answers(const Tensor& scores);

/// 16 hexadecimal digits over every parameter, remembered range and optimiser value, in order:
/// equal when two runs are in the same state, bit for bit.
std::string state_hash(const Network& network, Optimizer& optimizer);

}  // namespace octet

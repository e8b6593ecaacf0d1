// Dynamic network surgery (Guo, Yao, Chen 2016): weights are pruned while all of them train on, so
// that one which proves to matter comes back. Which ones live is decided over all layers at once by
// what the loss would rise without them,
//   saliency[i] = h[i] / 2 * w[i]^2,
// h being the curvature that squared gradients show (LeCun, Denker, Solla 1990).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "framework/parameter.h"

namespace octet {

/// The network sees zeros where weights are pruned; the optimiser moves what lies behind them.
class Surgery : public Constraint {
 public:
  /// Begins with the parameter's values, its zeros pruned.
  explicit Surgery(const Parameter& parameter);

  /// Observes the gradient, of pruned weights too, and hands the weights to the optimiser.
  void project_gradient(Parameter& parameter) override;
  /// Keeps what the optimiser made of them and shows the living ones; pruned ones fade.
  void project_value(Parameter& parameter) override;
  void verify(const Parameter& parameter) const override;

  /// By element, of living and pruned weights; only their ratios mean anything. A fiftieth of the
  /// parameter's mean is added to each square: a gradient that was never seen says little.
  std::vector<float> saliencies() const;
  /// Those above the threshold live from now on.
  void keep_above(float threshold, const std::vector<float>& saliencies, Parameter& parameter);

 private:
  std::vector<float> weights_, squares_;  // squares_: of gradients, averaged over the last steps
  std::vector<std::uint8_t> alive_;
  double seen_ = 0;  // steps in the average, older ones counting less
};

/// Begins surgery on every parameter, biases too. Masks go, their zeros being pruned to begin with.
std::vector<std::shared_ptr<Surgery>> begin_surgery(const std::vector<Parameter*>& parameters);

/// Lets the `count` weights of largest saliency live, over all parameters; `surgeries` as begun.
void keep_most_salient(const std::vector<Parameter*>& parameters,
                       const std::vector<std::shared_ptr<Surgery>>& surgeries, std::int64_t count);

/// Ends it: what is pruned now stays so under a Mask.
void end_surgery(const std::vector<Parameter*>& parameters);

}  // namespace octet

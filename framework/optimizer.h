// Changes parameters against their gradients, under their constraints:
// project gradients, update, project values. Optimisers know nothing of quantisation.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "framework/parameter.h"

namespace octet {

class Optimizer {
 public:
  explicit Optimizer(std::vector<Parameter*> parameters) : parameters_(std::move(parameters)) {}
  virtual ~Optimizer() = default;

  void step(float learning_rate);

  /// What the optimiser remembers, by name ("momentum.conv1.weight"); float32.
  virtual std::vector<std::pair<std::string, Tensor*>> state() = 0;

  const std::vector<Parameter*>& parameters() const { return parameters_; }

 protected:
  /// Called once a step, before any update.
  virtual void begin_step() {}
  /// Updates parameter number `index`.
  virtual void update(Parameter& parameter, std::size_t index, float learning_rate) = 0;

 private:
  std::vector<Parameter*> parameters_;
};

}  // namespace octet

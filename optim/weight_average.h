// The mean of a network's parameters over moments of its training: stochastic weight averaging
// (Izmailov 2018), in float32 whatever the weights are stored in, as SWALP has it (Yang 2019).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "framework/model.h"
#include "framework/parameter.h"

namespace octet {

class WeightAverage {
 public:
  explicit WeightAverage(std::vector<Parameter*> parameters);

  /// Takes the values of this moment in.
  void add();
  /// Moments taken in.
  std::int64_t count() const;

  /// Replaces the model's parameters by their means; at least one moment was taken in.
  void store(Model& model) const;

  /// What must be kept to go on: the means and their count, by name ("average.conv1.weight").
  std::vector<std::pair<std::string, Tensor*>> state();

 private:
  std::vector<Parameter*> parameters_;
  std::vector<Tensor> means_;
  Tensor count_;
};

}  // namespace octet

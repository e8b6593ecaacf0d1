// A stored tensor that training changes, and what restricts its values.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "framework/tensor.h"

namespace octet {

struct Parameter;

/// A restriction of stored weights, projected around the optimiser's step:
/// gradients before it, values after it.
class Constraint {
 public:
  virtual ~Constraint() = default;
  virtual void project_gradient(Parameter&) {}
  virtual void project_value(Parameter& parameter) = 0;
  /// Throws Error(failed), naming the parameter, unless the values satisfy the constraint.
  virtual void verify(const Parameter& parameter) const = 0;
};

struct Parameter {
  std::string name;       ///< "conv1.weight"
  Tensor value;           ///< float32
  Tensor gradient;        ///< float32, the same shape
  bool is_weight = true;  ///< false for biases: not pruned, and not decayed unless asked for
  float rate = 1;         ///< factor of the learning rate; 0 where the values are frozen
  std::vector<std::shared_ptr<Constraint>> constraints;
};

}  // namespace octet

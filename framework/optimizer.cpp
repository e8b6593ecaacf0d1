#include "framework/optimizer.h"

namespace octet {

void Optimizer::step(float learning_rate) {
  begin_step();
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    Parameter& parameter = *parameters_[i];
    for (const auto& constraint : parameter.constraints) constraint->project_gradient(parameter);
    update(parameter, i, learning_rate);
    for (const auto& constraint : parameter.constraints) constraint->project_value(parameter);
  }
}

}  // namespace octet

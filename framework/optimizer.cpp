#include "framework/optimizer.h"

#include "framework/profile.h"

namespace octet {

void Optimizer::step(float learning_rate) {
  profile::Scope scope("", "optimizer", "step");
  begin_step();
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    Parameter& parameter = *parameters_[i];
    if (parameter.rate == 0) continue;
    scope.add_bytes(3 * parameter.value.bytes());  // value read and written, gradient read
    for (const auto& constraint : parameter.constraints) constraint->project_gradient(parameter);
    update(parameter, i, learning_rate * parameter.rate);
    for (const auto& constraint : parameter.constraints) constraint->project_value(parameter);
  }
}

}  // namespace octet

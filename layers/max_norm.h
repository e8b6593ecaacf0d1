// A bound on the length of each unit's incoming weights (Srebro, Shraibman 2005; Hinton 2012): a
// row of the weight that is longer is scaled back to it.
#pragma once

#include "framework/parameter.h"

namespace octet {

class MaxNorm : public Constraint {
 public:
  explicit MaxNorm(float limit) : limit_(limit) {}
  void project_value(Parameter& parameter) override;
  /// Rounding to a grid after the projection may lengthen a row by what it rounds.
  void verify(const Parameter& parameter) const override;

 private:
  float limit_;
};

}  // namespace octet

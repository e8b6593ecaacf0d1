// The master role as a constraint: after each step the stored values are clipped where the format
// says so, and lie on its grid.
#pragma once

#include "framework/parameter.h"
#include "quant/numbers/quantizer.h"

namespace octet {

class OnGrid : public Constraint {
 public:
  /// `name`: of the parameter.
  OnGrid(const Format& format, const std::string& name) : quantizer_(format, name) {}
  void project_value(Parameter& parameter) override;
  void verify(const Parameter& parameter) const override;
  const Quantizer& quantizer() const { return quantizer_; }
  Quantizer& quantizer() { return quantizer_; }

 private:
  Quantizer quantizer_;
};

}  // namespace octet

// The master role as a constraint: after each step the stored weight lies on the format's grid.
#pragma once

#include "framework/parameter.h"
#include "quant/numbers/format.h"

namespace octet {

class OnGrid : public Constraint {
 public:
  explicit OnGrid(Format format) : format_(format) {}
  void project_value(Parameter& parameter) override;
  void verify(const Parameter& parameter) const override;

 private:
  Format format_;
};

}  // namespace octet

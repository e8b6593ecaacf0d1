// A quantizer's step as a parameter (Esser et al. 2020, LSQ): with codes q = clip(round(v / s)),
//   dLoss/ds = g * sum dLoss/dv^ * (q - v / s inside, q where v was clipped),   dLoss/dv =
//   dLoss/dv^
// inside and 0 where v was clipped; g = 1 / sqrt(values * largest code). The first step is
// 2 mean |v| / sqrt(largest code) of the first batch.
#pragma once

#include <string>

#include "framework/parameter.h"
#include "quant/numbers/quantizer.h"

namespace octet {

class LearnedStep {
 public:
  /// Of that quantizer, which must outlive this; `name`: of the parameter.
  LearnedStep(Quantizer& quantizer, std::string name);

  /// Around each encode: the quantizer takes the parameter's value, and gives its first one.
  void prepare();
  void accept(const Pass& pass);

  /// `reals` were encoded to `codes`; `error` (dLoss/dv^, float32) becomes dLoss/dv in place and
  /// the parameter's gradient is set.
  void backward(const Tensor& reals, const Tensor& codes, Tensor& error);

  Parameter& parameter() { return parameter_; }
  const Quantizer& quantizer() const { return quantizer_; }

 private:
  Quantizer& quantizer_;
  Parameter parameter_;
};

}  // namespace octet

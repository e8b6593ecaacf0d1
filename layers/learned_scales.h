// The scales of a quantizer as a parameter.
// Rule learned (Esser et al. 2020, LSQ): with codes q = clip(round(v / s)) and v^ = s q,
//   dLoss/ds = g sum dLoss/dv^ (q - v / s), or q alone where v was clipped,
//   dLoss/dv = dLoss/dv^, or 0 where v was clipped,      g = 1 / sqrt(values * largest code);
// the first step is 2 mean |v| / sqrt(largest code) of the first batch.
// Rule trained (Zhu et al. 2017, TTQ): w^ is P, 0 or -N,
//   dLoss/dP = sum of dLoss/dw^ where w^ = P,    dLoss/dN = -sum of dLoss/dw^ where w^ = -N,
//   dLoss/dw = dLoss/dw^ times P, 1 or N.
// The authors' code begins with P = N = 1 and leaves it to batch norms what that does. Here they
// begin as the mean magnitudes of the weights that they stand for, which needs none. A batch norm
// makes slopes inverse to magnitudes, so that the steps are those of magnitudes about 1 where
// dLoss/dP is times P^2, dLoss/dN times N^2 and, where w^ = 0, dLoss/dw times (P + N) / 2. No scale
// falls below 1e-6.
#pragma once

#include <string>

#include "framework/parameter.h"
#include "quant/numbers/quantizer.h"

namespace octet {

class LearnedScales {
 public:
  /// Of that quantizer, whose format learns() and which must outlive this; `name`: of the
  /// parameter, {step} or {P, N}.
  LearnedScales(Quantizer& quantizer, std::string name);

  /// Around each encode: the quantizer takes the parameter's values, and gives its first ones.
  void prepare();
  void accept(const Pass& pass);

  /// `reals` were encoded to `codes`; `error` (dLoss/dv^, float32) becomes dLoss/dv in place and
  /// the parameter's gradient is set.
  void backward(const Tensor& reals, const Tensor& codes, Tensor& error);

  Parameter& parameter() { return parameter_; }
  const Quantizer& quantizer() const { return quantizer_; }

 private:
  void backward_step(const Tensor& reals, const Tensor& codes, Tensor& error);
  void backward_magnitudes(const Tensor& codes, Tensor& error);

  Quantizer& quantizer_;
  Parameter parameter_;
};

}  // namespace octet

// The formats of the five roles of a training step. A recipe is one Precision.
#pragma once

#include <string>
#include <string_view>

#include "quant/numbers/format.h"

namespace octet {

struct Precision {
  Format weights;      ///< W: the weights that a product sees
  Format activations;  ///< A: the input that a product sees
  Format errors;       ///< E: dLoss/dOutput that a product sees
  Format gradients;    ///< G: dLoss/dWeight that the optimiser sees
  Format master;       ///< M: what the optimiser accumulates into
  bool operator==(const Precision&) const = default;
};

/// The recipe's name where there is one, else "W=int8/absmax,A=f32,E=f32,G=f32,M=f32".
std::string print(const Precision& precision);

/// A recipe's name, or roles as printed; roles left out are f32. Throws Error(usage).
Precision parse_precision(std::string_view text);

}  // namespace octet

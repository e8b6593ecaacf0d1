// The formats of the five roles of a training step, and where single layers differ. A recipe is one
// Precision.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "quant/numbers/format.h"

namespace octet {

struct LayerRule;

struct Precision {
  Format weights;      ///< W: the weights that a product sees
  Format activations;  ///< A: the input that a product sees
  Format errors;       ///< E: dLoss/dOutput that a product sees
  Format gradients;    ///< G: dLoss/dWeight that the optimiser sees
  Format master;       ///< M: what the optimiser accumulates into
  /// S=fan-in (Wu 2018): weights begin uniform in +-max(sqrt(3 / n), 1.5 steps), n inputs a unit,
  /// so that a coarse grid has something to say; a layer's outputs are divided by the power of two
  /// by which that is too large (fan_in_shift). For weights with a fixed step.
  bool fan_in = false;
  std::vector<LayerRule> rules;  ///< by layer name, the later ones over the earlier

  bool operator==(const Precision&) const;
};

/// Formats of the layers whose name matches. A pattern is a name, a beginning with a star
/// ("conv*"), "first" or "last" (of the layers with weights, in the order of the definition).
struct LayerRule {
  std::string pattern;
  std::optional<Format> weights, activations, errors, gradients, master;
  bool operator==(const LayerRule&) const = default;
};

/// What the layer of that name computes in: the base formats under the rules that match; no rules.
Precision precision_of(const Precision& precision, std::string_view layer, bool first, bool last);
/// Throws Error(usage), beginning with "precision 'TEXT': ", unless the formats of a layer go
/// together; rules are not looked at.
void verify(const Precision& layer, std::string_view text);
/// Whether a rule of that pattern speaks of the layer.
bool speaks_of(const LayerRule& rule, std::string_view layer, bool first, bool last);

/// The power of two by which a layer's outputs are divided under S=fan-in: max(2^round(log2(1.5
/// step / sqrt(3 / n))), 1), and the limit L of its first weights.
struct FanInShift {
  float divisor = 1;
  float limit = 1;
};
FanInShift fan_in_shift(const Format& weights, std::int64_t inputs);

/// The recipe's name where there is one, else "W=int8/absmax,A=f32,E=f32,G=f32,M=f32"; then
/// ",S=fan-in" and ";pattern:W=f32,M=f32" for each rule.
std::string print(const Precision& precision);

/// A recipe's name, or roles as printed (roles left out are f32), or a recipe's name and the roles
/// that differ from it ("int8,E=int8/absmax"); then rules, whose roles left out are those of the
/// base, or which name a recipe. Throws Error(usage).
Precision parse_precision(std::string_view text);

}  // namespace octet

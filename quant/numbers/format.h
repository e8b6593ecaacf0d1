// A number format: Grid (which reals exist) + Scaling (how the grid lies over a tensor) + Rounding.
// A value: compared, printed and parsed in one spelling, "int8/absmax/channel/stochastic".
#pragma once

#include <string>
#include <string_view>

#include "framework/tensor.h"
#include "quant/numbers/grid.h"

namespace octet {

struct Scaling {
  enum class Rule {
    none,     ///< scale 1
    step,     ///< scale 2^-fraction
    absmax,   ///< largest magnitude -> largest code
    minmax,   ///< smallest .. largest -> all codes, zero a code (affine)
    pow2,     ///< 2^round(log2 of the largest magnitude) -> 2^(bits - 1) (Wu 2018)
    meanabs,  ///< mean magnitude; on a ternary grid that of the weights kept (Li, Liu 2016)
    range,    ///< a fixed largest magnitude -> largest code
    /// Dynamic fixed point: 2^e -> 2^(bits - 1) with an exponent e that is raised when more than
    /// 1e-4 of the values of 100 batches reached 2^e, and lowered when no more would have reached
    /// half of it (Courbariaux 2014).
    overflow,
    /// Block floating point: 2^(floor(log2 of the largest magnitude) + 1) -> 2^(bits - 1), a block
    /// being `block` values in a row, or each index of the first axis, or a whole vector (Yang
    /// 2019).
    block,
    learned,  ///< a step that is trained as weights are (Esser 2020, LSQ)
    /// Ternary weights P, 0 and -N with both magnitudes trained; those below 0.05 of the largest
    /// are 0 (Zhu 2017, TTQ).
    trained,
  };
  Rule rule = Rule::none;
  int fraction = 0;      ///< step: -32 to 32
  float limit = 1;       ///< range: the largest magnitude
  int block = 0;         ///< block: values in a row, 0 for the natural one
  bool channel = false;  ///< a scale for each index of the first axis instead of one
  bool sample = false;   ///< the same for each picture, of activations and errors
  bool smooth = false;   ///< the range is a moving average over training batches
  /// absmax with channel, of weights: a magnitude of more than about twice the others' is left out
  /// of its filter's range and has a code of its own, of up to 15 bits and a sign ("dense and
  /// sparse", Kim et al. 2023).
  bool outlier = false;
  /// pow2: the range is thrown away; largest decoded values are 1/sqrt(2) to sqrt(2), none is
  /// clipped, and 1 is 2^(bits - 2) (Wu 2018, Q_G).
  bool unit = false;
  bool operator==(const Scaling&) const = default;
};

enum class Rounding {
  nearest,     ///< to the nearest code, ties to even
  stochastic,  ///< up with the probability of the distance to the code below
};

struct Format {
  Grid grid;
  Scaling scaling;
  Rounding rounding = Rounding::nearest;
  bool stop = false;      ///< activations: errors stop beyond the ends (at them, where codes flow)
  bool squashed = false;  ///< weights: tanh(w) / max |tanh(w)| is encoded (Zhou 2016)
  float clip = 0;         ///< master weights: the largest magnitude that is kept; 0 for none

  bool is_float32() const { return grid.is_float32() && clip == 0; }
  /// Whether codes are float32 numbers without a scale: floating grids, codebooks, and formats with
  /// more scales than a product could take out of its sums.
  bool holds_numbers() const {
    return grid.holds_numbers() || scaling.rule == Scaling::Rule::block ||
           scaling.rule == Scaling::Rule::trained || scaling.sample;
  }
  /// Whether the scales are parameters.
  bool learns() const {
    return scaling.rule == Scaling::Rule::learned || scaling.rule == Scaling::Rule::trained;
  }
  /// Whether a quantizer remembers something from batch to batch.
  bool remembers() const {
    return scaling.smooth || scaling.rule == Scaling::Rule::overflow || learns();
  }
  /// What holds the codes: int8 or uint8 where they fit, else float32.
  Element element() const;
  /// Whether products may be computed on the codes as 8-bit integers -> int32.
  bool fits_int8_product() const {
    return element() != Element::float32 && scaling.rule != Scaling::Rule::minmax;
  }
  bool operator==(const Format&) const = default;
};

/// Whether both have the same codes: grid and scaling, whatever the rounding.
inline bool same_grid(const Format& a, const Format& b) {
  return a.grid == b.grid && a.scaling == b.scaling;
}

/// bfloat16 as instructions have it: to the nearest, ties to even, without a scale.
inline bool is_bfloat16(const Format& format) {
  return format == Format{.grid = {.exponent = 8, .mantissa = 7}};
}

std::string print(const Format& format);
/// Throws Error(usage) where the spelling is unknown or the parts do not go together.
Format parse_format(std::string_view text);

}  // namespace octet

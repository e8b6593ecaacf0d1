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
  };
  Rule rule = Rule::none;
  int fraction = 0;      ///< step: -32 to 32
  bool channel = false;  ///< a scale for each index of the first axis instead of one
  bool smooth = false;   ///< the range is a moving average over training batches
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

  bool is_float32() const { return grid.is_float32(); }
  /// What holds the codes: int8 or uint8 where they fit, else float32.
  Element element() const;
  /// Whether products may be computed on the codes as int8 x int8 -> int32.
  bool fits_int8_product() const {
    return element() == Element::int8 && scaling.rule != Scaling::Rule::minmax;
  }
  bool operator==(const Format&) const = default;
};

/// bfloat16 as instructions have it: to the nearest, ties to even, without a scale.
inline bool is_bfloat16(const Format& format) {
  return format == Format{.grid = {.exponent = 8, .mantissa = 7}};
}

std::string print(const Format& format);
/// Throws Error(usage) where the spelling is unknown or the parts do not go together.
Format parse_format(std::string_view text);

}  // namespace octet

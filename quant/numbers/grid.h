// Which reals exist. A grid is a set of codes; a scaling says how the codes lie over a tensor:
//   real = scale * (code - zero_point)
// On a floating grid the code is the number itself.
#pragma once

#include <string>
#include <string_view>

namespace octet {

struct Grid {
  enum class Kind { floating, integer, binary, ternary };

  Kind kind = Kind::floating;
  int exponent = 8;       ///< floating: exponent bits, 2 to 8
  int mantissa = 23;      ///< floating: mantissa bits, 1 to 23
  int bits = 8;           ///< integer: 2 to 16
  bool is_signed = true;  ///< integer: -(2^(bits-1) - 1) .. 2^(bits-1) - 1, or 0 .. 2^bits - 1

  /// Largest and smallest code of an integer, binary or ternary grid.
  int most() const;
  int least() const;
  bool is_float32() const { return kind == Kind::floating && exponent == 8 && mantissa == 23; }
  bool operator==(const Grid&) const = default;
};

/// "f32", "bf16", "f16", "float<5,2>", "int8", "uint8", "binary", "ternary".
std::string print(const Grid& grid);
/// Throws Error(usage) with the spellings that are understood.
Grid parse_grid(std::string_view text);

}  // namespace octet

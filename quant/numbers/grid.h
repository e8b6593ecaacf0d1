// Which reals exist. A grid is a set of codes; a scaling says how the codes lie over a tensor:
//   real = scale * (code - zero_point)
// On a floating grid and in a codebook the code is the number itself.
#pragma once

#include <string>
#include <string_view>

namespace octet {

struct Grid {
  enum class Kind {
    floating,
    integer,
    midrise,   ///< the odd numbers -(2^bits - 1) .. 2^bits - 1: levels without a zero (Zhou 2016)
    binary,    ///< -1, 1
    ternary,   ///< -1, 0, 1
    posit,     ///< `bits` bits with `exponent` exponent bits (posit.h)
    codebook,  ///< `levels` numbers of the tensor's own, found by k-means
  };

  Kind kind = Kind::floating;
  int exponent = 8;       ///< floating: exponent bits, 2 to 8
  int mantissa = 23;      ///< floating: mantissa bits, 1 to 23
  int bits = 8;           ///< integer: 1 (unsigned) or 2 to 23; midrise: 1 to 7
  int levels = 16;        ///< codebook: 2 to 256
  bool is_signed = true;  ///< integer: -(2^(bits-1) - 1) .. 2^(bits-1) - 1, or 0 .. 2^bits - 1

  /// Whether a code is the number itself, without a scale.
  bool holds_numbers() const {
    return kind == Kind::floating || kind == Kind::codebook || kind == Kind::posit;
  }
  /// Largest and smallest code of the other grids.
  int most() const;
  int least() const;
  bool is_float32() const { return kind == Kind::floating && exponent == 8 && mantissa == 23; }
  bool operator==(const Grid&) const = default;
};

/// "f32", "bf16", "f16", "float<5,2>", "int8", "uint8", "midrise2", "binary", "ternary",
/// "codebook16", "posit<8,1>".
std::string print(const Grid& grid);
/// Throws Error(usage) with the spellings that are understood.
Grid parse_grid(std::string_view text);

}  // namespace octet

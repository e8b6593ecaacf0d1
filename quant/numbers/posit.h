// Posits (Gustafson 2017; Posit Standard 2022): n bits, a sign, a regime of equal bits that ends in
// the other one, up to es exponent bits, then the fraction,
//   x = (-1)^s (2^(2^es))^k 2^e (1 + f).
// Rounding is to the nearest number; the standard rounds patterns, which differs between the
// extreme numbers, where exponent bits are cut off. Numbers near 1 have many bits and extreme ones
// few. Zero is a number, infinity is none: what is too large becomes the largest, and what is not
// zero never becomes zero.
#pragma once

#include <cstdint>
#include <vector>

#include "quant/numbers/format.h"

namespace octet {

/// The positive posits of `bits` (3 to 16) bits with es exponent bits (0 to 2), rising.
const std::vector<float>& positive_posits(int bits, int es);

/// `value`, finite, to the nearest of the positive `posits` and their negatives, the one with an
/// even last bit where two are as near; or stochastically with `random` bits.
float round_to_posit(float value, const std::vector<float>& posits, Rounding rounding,
                     std::uint32_t random);

}  // namespace octet

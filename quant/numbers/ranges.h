// Ranges of values, and the scales that they give: what Quantizer finds its scales with. Passes
// over values run on all threads, in an order that does not depend on their number.
#pragma once

#include <cstdint>
#include <vector>

#include "quant/numbers/format.h"

namespace octet::ranges {

/// Bits that a code of the grid takes.
int code_bits(const Grid& grid);
/// The least exponent e with |x| < 2^e.
int exponent_above(float x);
/// The scale of a tensor or channel whose largest magnitude is `most`. All zeros get scale 1.
float scale_of_range(const Format& format, float most);

/// Largest magnitude, that of column i % columns times its factor (null: none); NaN when a value
/// is.
float absmax(const float* x, std::int64_t count, const std::vector<float>* factors = nullptr);
/// Widens least .. most to hold all values; one of them becomes NaN when a value is.
void minmax(const float* x, std::int64_t count, float* least, float* most);
/// Sum of the magnitudes above `above`.
double sum_abs(const float* x, std::int64_t count, float above);
/// Share of the values whose magnitude is at least `from`.
double share_reaching(const float* x, std::int64_t count, float from);
/// Of rule meanabs: the mean magnitude (binary), or that of the weights beyond 0.7 of it (ternary).
float mean_scale(const Format& format, const float* x, std::int64_t count);

/// Throws Error(numbers) for NaN and infinity.
void check_finite(float range);

}  // namespace octet::ranges

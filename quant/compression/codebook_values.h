// The values of a codebook in the form that takes the fewest bytes, to the bit: the top bytes of
// each, where the others are zero in all of them, or codes of 8 bits under one scale:
//   value = code * scale
#pragma once

#include <cstdint>
#include <vector>

#include "quant/compression/bit_stream.h"

namespace octet {

/// Appends the form, drawn in model_file.h, and the values, bits of floats; nothing where there are
/// none.
void put_values(Bytes& bytes, const std::vector<std::uint32_t>& values);

/// Reads `count` values. Allocates in proportion to the bytes that are there. Throws Error(data),
/// beginning with the reader's source, for an unknown form and for a value whose bits are all zero.
std::vector<std::uint32_t> get_values(ByteReader& reader, std::size_t count);

}  // namespace octet

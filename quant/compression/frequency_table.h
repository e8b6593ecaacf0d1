// How often each symbol comes, in parts of 2^bits, for a coder with fixed frequencies. The file
// holds them with few digits, as floating-point numbers: a frequency that is wrong by a twentieth
// costs a thousandth of a bit a symbol, and its digits would cost more.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "quant/compression/bit_stream.h"

namespace octet {

inline constexpr int max_frequency_bits = 14;

struct FrequencyTable {
  int bits = 0;    ///< 0 .. max_frequency_bits
  int digits = 1;  ///< leading binary digits kept of each rounded frequency, 1 .. bits + 1
  std::vector<std::uint16_t> rounded;  ///< by symbol; 0 for one that does not occur
  /// `rounded`, brought to a sum of 2^bits; not 0 where `rounded` is not.
  std::vector<std::uint16_t> frequencies;
};

/// Symbols that occur need 2^bits of them at most, and at least one must.
FrequencyTable make_table(const std::vector<std::uint64_t>& counts, int bits, int digits);

/// The table whose own bits and those of the symbols it codes are fewest together; an empty one
/// when no symbol occurs. At most 2^max_frequency_bits symbols.
FrequencyTable choose_table(const std::vector<std::uint64_t>& counts);

/// Bits of a stream of these symbols, but for what a coder rounds.
double coded_bits(const std::vector<std::uint64_t>& counts, const FrequencyTable& table);

/// Writes bits and digits, 4 bits each, the widths of the rounded frequencies as put_lengths does,
/// and below the leading one of each the digits that are kept.
void put_table(BitWriter& bits, const FrequencyTable& table);

/// Reads the table of `symbols` symbols. Throws Error(data), beginning with `source`, unless it
/// could have been written.
FrequencyTable get_table(BitReader& bits, std::size_t symbols, std::string_view source);

}  // namespace octet

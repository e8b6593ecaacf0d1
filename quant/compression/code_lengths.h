// The lengths of an optimal prefix code: package-merge (Larmore, Hirschberg 1990), which is
// Huffman's code under a limit on the longest word. Lengths say all of a canonical code.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "quant/compression/bit_stream.h"

namespace octet {

inline constexpr int max_code_length = 24;

/// By symbol; 0 for one that does not occur. A lone symbol has length 1 and costs no bits at all.
using CodeLengths = std::vector<std::uint8_t>;

/// Minimises sum of counts * lengths. Of two symbols with equal counts the earlier has no longer
/// word. Needs 2^limit >= the symbols that occur.
CodeLengths code_lengths(const std::vector<std::uint64_t>& counts, int limit = max_code_length);

/// Exactly one symbol occurs.
bool is_lone(const CodeLengths& lengths);

/// Bits of a stream of these symbols in this code.
std::uint64_t coded_bits(const std::vector<std::uint64_t>& counts, const CodeLengths& lengths);

/// Bits no code of single symbols can go below: the sum of counts * log2(total / count).
double entropy_bits(const std::vector<std::uint64_t>& counts);

/// Writes one code word a symbol that is used:
///   0 the length before, 10 one more, 110 one less, 1110 and five bits the length itself;
///   1111 and an Elias gamma number: so many symbols are not used.
void put_lengths(BitWriter& bits, const CodeLengths& lengths);

/// Reads what put_lengths wrote for `symbols` symbols, whatever it is. Throws Error(data),
/// beginning with `source`, unless each is 0 or 1 .. max_code_length.
CodeLengths get_unchecked_lengths(BitReader& bits, std::size_t symbols, std::string_view source);

/// Reads the lengths of `symbols` symbols. Throws Error(data), beginning with `source`, unless they
/// make a complete prefix code or a lone symbol.
CodeLengths get_lengths(BitReader& bits, std::size_t symbols, std::string_view source);

/// Throws Error(data), beginning with `source`, unless the lengths, at most max_code_length each,
/// make a complete prefix code or a lone symbol of length 1.
void check_lengths(const CodeLengths& lengths, std::string_view source);

}  // namespace octet

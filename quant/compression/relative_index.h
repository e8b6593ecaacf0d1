// Where the non-zeros stand, as distances: a gap of 1 .. 2^bits from one entry to the next. A
// filler entry advances 2^bits and carries symbol 0; fillers also follow the last non-zero while
// 2^bits positions or more are left, so that the entries bound the number of elements:
//   elements < 2^bits * (entries + 1)           Han, Mao, Dally 2015, section 2
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace octet {

/// The non-zeros of a row of `elements`: rising positions and a symbol for each, of at least 1
/// where fillers are to come.
struct Nonzeros {
  std::int64_t elements = 0;  ///< below 2^32
  std::vector<std::uint32_t> positions;
  std::vector<std::uint16_t> symbols;
  bool operator==(const Nonzeros&) const = default;
};

struct RelativeIndex {
  int bits = 1;                        ///< 1 .. 8
  std::vector<std::uint8_t> gaps;      ///< by entry: the gap less one
  std::vector<std::uint16_t> symbols;  ///< by entry: 0 in a filler
};

/// What encode_relative will write: how often each gap, by the gap less one, and how many fillers.
struct GapCounts {
  std::vector<std::uint64_t> gaps;
  std::uint64_t fillers = 0;
};

GapCounts count_gaps(const Nonzeros& nonzeros, int bits);
RelativeIndex encode_relative(const Nonzeros& nonzeros, int bits);

/// Throws Error(data), beginning with `source`, unless every gap is within the bits, every filler
/// is a whole one, and the entries end within the last 2^bits of `elements` positions.
Nonzeros decode_relative(const RelativeIndex& index, std::int64_t elements,
                         std::string_view source);

}  // namespace octet

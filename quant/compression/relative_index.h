// Where the non-zeros stand, as distances: a gap of 1 .. 2^bits from one entry to the next. A
// filler entry advances 2^bits and carries symbol 0; fillers also follow the last non-zero while
// 2^bits positions or more are left, so that the entries bound the number of elements:
//   elements < 2^bits * (entries + 1)           Han, Mao, Dally 2015, section 2
#pragma once

#include <cassert>
#include <cstdint>
#include <string_view>
#include <vector>

#include "framework/check.h"

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

/// Throws Error(data), beginning with `source`, unless the entries end within the last 2^bits of
/// `elements` positions.
void check_elements(const RelativeIndex& index, std::int64_t elements, std::string_view source);

/// Calls visit(position, symbol) for each non-zero. Throws Error(data), beginning with `source`,
/// unless every gap is within the bits and every filler is a whole one.
template <class Visit>
void for_each_nonzero(const RelativeIndex& index, std::string_view source, const Visit& visit) {
  assert(index.gaps.size() == index.symbols.size());
  const unsigned most = 1u << index.bits;
  std::uint32_t position = 0;  // one after the latest entry
  for (std::size_t i = 0; i < index.gaps.size(); ++i) {
    const std::uint32_t gap = index.gaps[i] + 1u;
    const std::uint16_t symbol = index.symbols[i];
    check(symbol > 0 ? gap <= most : gap == most, Failure::data, source, ": entry ", i,
          " carries symbol ", symbol, " over a gap of ", gap);
    position += gap;
    if (symbol > 0) visit(position - 1, symbol);
  }
}

}  // namespace octet

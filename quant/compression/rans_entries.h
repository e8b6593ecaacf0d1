// The entries of one block of a tensor as one row of rANS words: gap, weight, gap, weight, ... by
// turns of 4 states, or of 1 where entries are few.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "framework/files.h"
#include "quant/compression/rans.h"
#include "quant/compression/relative_index.h"

namespace octet {

/// Elements of a block: few enough for its floats to stay in a second-level cache while it is
/// decoded, and so many that its states are a thousandth of its stream.
inline constexpr std::int64_t block_elements = 1 << 18;

/// The stream; empty where there are no entries.
Bytes encode_entries(const RelativeIndex& index, const RansSymbols& weights,
                     const RansSymbols& gaps);

/// What all blocks of a tensor share while they are decoded.
struct EntryTables {
  RansSlots weights, gaps;
  std::vector<float> values;  ///< by weight symbol; 0 for the filler
};

/// How often each symbol came.
struct EntryCounts {
  std::vector<std::uint64_t> weights, gaps;
};

/// Writes the values of a block of `count` elements, which are all zero, and adds to `counts`.
/// Throws Error(data), beginning with `source`, unless the entries stay within the elements and the
/// stream ends with the last of them.
void decode_entries(const std::uint8_t* stream, std::size_t size, std::uint64_t entries,
                    const EntryTables& tables, float* elements, std::int64_t count,
                    EntryCounts& counts, std::string_view source);

}  // namespace octet

#include "quant/compression/relative_index.h"

#include <cassert>
#include <numeric>

#include "framework/check.h"

namespace octet {
namespace {

// Calls visit(fillers, gap - 1) for each non-zero and returns the fillers behind the last one.
template <class Visit>
std::uint64_t for_each_gap(const Nonzeros& nonzeros, int bits, const Visit& visit) {
  assert(bits >= 1 && bits <= 8);
  std::int64_t next = 0;  // one after the latest non-zero
  for (const std::uint32_t position : nonzeros.positions) {
    const auto skipped = static_cast<std::uint64_t>(position - next);
    visit(skipped >> bits, skipped & ((1u << bits) - 1));
    next = std::int64_t{position} + 1;
  }
  return static_cast<std::uint64_t>(nonzeros.elements - next) >> bits;
}

}  // namespace

GapCounts count_gaps(const Nonzeros& nonzeros, int bits) {
  GapCounts counts{std::vector<std::uint64_t>(std::size_t{1} << bits), 0};
  std::uint64_t before = 0;
  const std::uint64_t behind =
      for_each_gap(nonzeros, bits, [&](std::uint64_t fillers, std::uint64_t gap) {
        before += fillers;
        ++counts.gaps[gap];
      });
  counts.fillers = before + behind;
  counts.gaps.back() += counts.fillers;
  return counts;
}

RelativeIndex encode_relative(const Nonzeros& nonzeros, int bits) {
  assert(nonzeros.positions.size() == nonzeros.symbols.size());
  RelativeIndex index{bits, {}, {}};
  const auto longest = static_cast<std::uint8_t>((1u << bits) - 1);
  const auto fill = [&](std::uint64_t fillers) {
    index.gaps.insert(index.gaps.end(), fillers, longest);
    index.symbols.insert(index.symbols.end(), fillers, 0);
  };
  std::size_t i = 0;
  const std::uint64_t behind =
      for_each_gap(nonzeros, bits, [&](std::uint64_t fillers, std::uint64_t gap) {
        if (fillers > 0) fill(fillers);
        index.gaps.push_back(static_cast<std::uint8_t>(gap));
        index.symbols.push_back(nonzeros.symbols[i++]);
      });
  fill(behind);
  return index;
}

Nonzeros decode_relative(const RelativeIndex& index, std::int64_t elements,
                         std::string_view source) {
  assert(index.gaps.size() == index.symbols.size());
  const unsigned most = 1u << index.bits;
  const std::int64_t covered = std::accumulate(index.gaps.begin(), index.gaps.end(),
                                               static_cast<std::int64_t>(index.gaps.size()));
  check(elements >= covered && elements - covered < most && elements >> 32 == 0, Failure::data,
        source, ": expected entries for ", elements, " elements, got ", covered);
  Nonzeros nonzeros{elements, {}, {}};
  nonzeros.positions.reserve(index.gaps.size());
  nonzeros.symbols.reserve(index.gaps.size());
  std::uint32_t position = 0;  // one after the latest entry
  for (std::size_t i = 0; i < index.gaps.size(); ++i) {
    const std::uint32_t gap = index.gaps[i] + 1u;
    const std::uint16_t symbol = index.symbols[i];
    check(symbol > 0 ? gap <= most : gap == most, Failure::data, source, ": entry ", i,
          " carries symbol ", symbol, " over a gap of ", gap);
    position += gap;
    if (symbol == 0) continue;
    nonzeros.positions.push_back(position - 1);
    nonzeros.symbols.push_back(symbol);
  }
  return nonzeros;
}

}  // namespace octet

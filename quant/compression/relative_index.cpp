#include "quant/compression/relative_index.h"

#include <numeric>

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

void check_elements(const RelativeIndex& index, std::int64_t elements, std::string_view source) {
  const std::int64_t covered = std::accumulate(index.gaps.begin(), index.gaps.end(),
                                               static_cast<std::int64_t>(index.gaps.size()));
  check(elements >= covered && elements - covered < std::int64_t{1} << index.bits &&
            elements >> 32 == 0,
        Failure::data, source, ": expected entries for ", elements, " elements, got ", covered);
}

}  // namespace octet

#include "quant/compression/frequency_table.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <numeric>

#include "framework/check.h"
#include "quant/compression/code_lengths.h"

namespace octet {
namespace {

// Numbers in proportion to `counts` with a sum of 2^bits, none of them 0 where its count is not.
template <class Counts>
std::vector<std::uint16_t> normalized(const Counts& counts, int bits) {
  const std::uint64_t total = std::uint64_t{1} << bits;
  const std::uint64_t sum = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  std::vector<std::uint16_t> frequencies(counts.size());
  std::vector<std::size_t> used;
  std::uint64_t reached = 0;
  for (std::size_t s = 0; s < counts.size(); ++s) {
    if (counts[s] == 0) continue;
    const std::uint64_t share = (counts[s] * total + sum / 2) / sum;
    frequencies[s] = static_cast<std::uint16_t>(std::max<std::uint64_t>(share, 1));
    reached += frequencies[s];
    used.push_back(s);
  }
  // What rounding left over goes to the largest, or comes from them, one each in turn: there it
  // costs least.
  std::stable_sort(used.begin(), used.end(),
                   [&](std::size_t a, std::size_t b) { return frequencies[a] > frequencies[b]; });
  while (reached != total)
    for (const std::size_t s : used) {
      if (reached == total || (reached > total && frequencies[s] == 1)) break;
      frequencies[s] = static_cast<std::uint16_t>(frequencies[s] + (reached < total ? 1 : -1));
      reached = reached < total ? reached + 1 : reached - 1;
    }
  return frequencies;
}

std::uint16_t with_digits(std::uint16_t frequency, int digits) {
  const int dropped = static_cast<int>(std::bit_width(frequency)) - digits;
  if (dropped <= 0) return frequency;
  const std::uint32_t half = 1u << (dropped - 1);
  return static_cast<std::uint16_t>((frequency + half) >> dropped << dropped);
}

// Widths of the rounded frequencies, and of their digits below the leading one.
CodeLengths widths_of(const std::vector<std::uint16_t>& rounded) {
  CodeLengths widths(rounded.size());
  for (std::size_t s = 0; s < widths.size(); ++s)
    widths[s] = static_cast<std::uint8_t>(std::bit_width(rounded[s]));
  return widths;
}

}  // namespace

FrequencyTable make_table(const std::vector<std::uint64_t>& counts, int bits, int digits) {
  FrequencyTable table{bits, digits, normalized(counts, bits), {}};
  for (std::uint16_t& frequency : table.rounded) frequency = with_digits(frequency, digits);
  table.frequencies = normalized(table.rounded, bits);
  return table;
}

FrequencyTable choose_table(const std::vector<std::uint64_t>& counts) {
  const auto unused =
      static_cast<std::size_t>(std::count(counts.begin(), counts.end(), std::uint64_t{0}));
  const std::size_t used = counts.size() - unused;
  if (used == 0) return {};
  const int least = static_cast<int>(std::bit_width(used - 1));
  assert(least <= max_frequency_bits);
  // Parts much smaller than one of so many symbols say nothing.
  const std::uint64_t total = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  const int most = std::min(max_frequency_bits, static_cast<int>(std::bit_width(total)));
  FrequencyTable best;
  double best_bits = 0;
  for (int bits = least; bits <= most; ++bits)
    for (int digits = 1; digits <= std::min(bits + 1, 6); ++digits) {
      FrequencyTable table = make_table(counts, bits, digits);
      Bytes bytes;
      BitWriter writer(bytes);
      put_table(writer, table);
      writer.finish();
      const double all = 8.0 * static_cast<double>(bytes.size()) + coded_bits(counts, table);
      if (!best.frequencies.empty() && all >= best_bits) continue;
      best = std::move(table);
      best_bits = all;
    }
  return best;
}

double coded_bits(const std::vector<std::uint64_t>& counts, const FrequencyTable& table) {
  double bits = 0;
  for (std::size_t s = 0; s < counts.size(); ++s)
    if (counts[s] > 0)
      bits += static_cast<double>(counts[s]) * (table.bits - std::log2(table.frequencies[s]));
  return bits;
}

void put_table(BitWriter& bits, const FrequencyTable& table) {
  bits.put(static_cast<std::uint32_t>(table.bits), 4);
  bits.put(static_cast<std::uint32_t>(table.digits), 4);
  const CodeLengths widths = widths_of(table.rounded);
  put_lengths(bits, widths);
  for (std::size_t s = 0; s < widths.size(); ++s) {
    if (widths[s] < 2) continue;
    const int kept = std::min(table.digits, int{widths[s]}) - 1;
    const std::uint32_t below = table.rounded[s] - (1u << (widths[s] - 1));
    bits.put(below >> (widths[s] - 1 - kept), kept);
  }
}

FrequencyTable get_table(BitReader& bits, std::size_t symbols, std::string_view source) {
  FrequencyTable table;
  table.bits = static_cast<int>(bits.get(4));
  table.digits = static_cast<int>(bits.get(4));
  check(table.bits <= max_frequency_bits && table.digits >= 1 && table.digits <= table.bits + 1,
        Failure::data, source, ": expected frequencies of at most ", max_frequency_bits,
        " bits, got ", table.bits, " and ", table.digits, " digits");
  const CodeLengths widths = get_unchecked_lengths(bits, symbols, source);
  std::size_t used = 0;
  for (const std::uint8_t width : widths) {
    check(width <= table.bits + 1, Failure::data, source, ": expected frequencies of at most 2^",
          table.bits, ", got one of ", int{width}, " bits");
    used += width > 0;
  }
  check(used > 0 && used <= std::size_t{1} << table.bits, Failure::data, source,
        ": expected frequencies of 1 to ", 1 << table.bits, " symbols, got ", used);
  table.rounded.resize(symbols);
  for (std::size_t s = 0; s < symbols; ++s) {
    if (widths[s] == 0) continue;
    const int kept = std::min(table.digits, int{widths[s]}) - 1;
    const std::uint32_t digits = (1u << kept) | bits.get(kept);
    table.rounded[s] = static_cast<std::uint16_t>(digits << (widths[s] - 1 - kept));
  }
  table.frequencies = normalized(table.rounded, table.bits);
  return table;
}

}  // namespace octet

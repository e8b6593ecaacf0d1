#include "quant/compression/rans_entries.h"

#include "framework/check.h"

namespace octet {
namespace {

// One state costs two bytes to end; four are several times as fast.
constexpr std::uint64_t entries_of_one_state = 1024;

template <int states>
Bytes encode_by(const RelativeIndex& index, const RansSymbols& weights, const RansSymbols& gaps) {
  RansEncoder<states> encoder;
  for (std::size_t i = index.gaps.size(); i-- > 0;) {
    encoder.put(static_cast<int>((2 * i + 1) % states), weights, index.symbols[i]);
    encoder.put(static_cast<int>(2 * i % states), gaps, index.gaps[i]);
  }
  return encoder.finish();
}

template <int states>
void decode_by(const std::uint8_t* stream, std::size_t size, std::uint64_t entries,
               const EntryTables& tables, float* elements, std::int64_t count, EntryCounts& counts,
               std::string_view source) {
  constexpr std::int64_t longest = 256;
  constexpr int together = states > 1 ? states / 2 : 1;  // entries
  // Copies, because stores to the tensor might otherwise change them.
  RansDecoder<states> decoder(stream, size, source);
  const float* const values = tables.values.data();
  std::uint64_t* const weight_counts = counts.weights.data();
  std::uint64_t* const gap_counts = counts.gaps.data();
  std::int64_t end = 0;  // of the latest entry
  for (; entries >= together && end <= count - together * longest && decoder.is_safe(2 * together);
       entries -= together)
    for (int i = 0; i < together; ++i) {
      const std::uint16_t gap = decoder.get(2 * i % states, tables.gaps);
      const std::uint16_t weight = decoder.get((2 * i + 1) % states, tables.weights);
      elements[end + gap] = values[weight];
      end += gap + 1;
      ++gap_counts[gap];
      ++weight_counts[weight];
    }
  for (std::uint64_t i = 0; i < entries; ++i) {
    const std::uint16_t gap = decoder.get_at_end(static_cast<int>(2 * i % states), tables.gaps);
    const std::uint16_t weight =
        decoder.get_at_end(static_cast<int>((2 * i + 1) % states), tables.weights);
    check(end + gap < count, Failure::data, source, ": its entries reach beyond their block of ",
          count, " elements");
    elements[end + gap] = values[weight];
    end += gap + 1;
    ++gap_counts[gap];
    ++weight_counts[weight];
  }
  check(decoder.is_finished(), Failure::data, source,
        ": its entries end elsewhere than their rANS stream");
}

}  // namespace

Bytes encode_entries(const RelativeIndex& index, const RansSymbols& weights,
                     const RansSymbols& gaps) {
  if (index.gaps.empty()) return {};
  return index.gaps.size() < entries_of_one_state ? encode_by<1>(index, weights, gaps)
                                                  : encode_by<4>(index, weights, gaps);
}

void decode_entries(const std::uint8_t* stream, std::size_t size, std::uint64_t entries,
                    const EntryTables& tables, float* elements, std::int64_t count,
                    EntryCounts& counts, std::string_view source) {
  const auto decode = entries < entries_of_one_state ? decode_by<1> : decode_by<4>;
  decode(stream, size, entries, tables, elements, count, counts, source);
}

}  // namespace octet

#include "quant/compression/huffman.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace octet {
namespace {

constexpr int table_width = 11;  // 8 KB: stays in the first-level cache

struct Canonical {
  std::array<std::uint32_t, max_code_length + 2> first{};  // the first word of each length
  std::array<std::uint32_t, max_code_length + 2> counts{};
};

Canonical canonical(const CodeLengths& lengths) {
  Canonical code;
  for (const std::uint8_t length : lengths)
    if (length > 0) ++code.counts[length];
  for (std::size_t length = 1; length <= max_code_length; ++length)
    code.first[length + 1] = (code.first[length] + code.counts[length]) << 1;
  return code;
}

}  // namespace

HuffmanEncoder::HuffmanEncoder(const CodeLengths& lengths) : words_(lengths.size()) {
  if (is_lone(lengths)) return;
  Canonical code = canonical(lengths);
  for (std::size_t s = 0; s < lengths.size(); ++s)
    if (lengths[s] > 0) words_[s] = {code.first[lengths[s]]++, lengths[s]};
}

HuffmanDecoder::HuffmanDecoder(const CodeLengths& lengths, std::string_view source) {
  assert(lengths.size() <= 65536);
  check_lengths(lengths, source);
  longest_ = *std::max_element(lengths.begin(), lengths.end());
  for (std::size_t s = 0; s < lengths.size(); ++s)
    if (lengths[s] > 0) ordered_.push_back(static_cast<std::uint16_t>(s));
  if (ordered_.size() == 1) {
    lone_ = ordered_[0];
    return;
  }
  std::stable_sort(ordered_.begin(), ordered_.end(),
                   [&](std::uint16_t a, std::uint16_t b) { return lengths[a] < lengths[b]; });
  width_ = std::min(longest_, table_width);
  table_.resize(std::size_t{1} << width_);
  const Canonical code = canonical(lengths);
  std::uint32_t before = 0;  // words shorter than `length`
  for (int length = 1; length <= longest_; ++length) {
    const auto l = static_cast<std::size_t>(length);
    limits_[l] = (code.first[l] + code.counts[l]) << (max_code_length - length);
    offsets_[l] = static_cast<std::int32_t>(before) - static_cast<std::int32_t>(code.first[l]);
    for (std::uint32_t i = 0; i < code.counts[l] && length <= width_; ++i)
      std::fill_n(table_.begin() + ((code.first[l] + i) << (width_ - length)),
                  std::size_t{1} << (width_ - length),
                  Word{ordered_[before + i], static_cast<std::uint8_t>(length)});
    before += code.counts[l];
  }
}

inline std::uint16_t HuffmanDecoder::next(BitReader& bits) const {
  const Word word = table_[bits.peek(width_)];
  if (word.length > 0) [[likely]] {
    bits.skip(word.length);
    return word.symbol;
  }
  const std::uint32_t ahead = bits.peek(max_code_length);
  int length = width_ + 1;
  while (ahead >= limits_[length]) ++length;  // ends: the code is complete
  bits.skip(length);
  return ordered_[static_cast<std::size_t>(
      static_cast<std::int32_t>(ahead >> (max_code_length - length)) + offsets_[length])];
}

template <int batch, class Symbol>
void HuffmanDecoder::get_batches(BitReader& bits, Symbol* symbols, std::size_t count) const {
  // A copy, because stores to bytes might otherwise change the reader.
  BitReader local = bits;
  for (; count >= batch; count -= batch, symbols += batch) {
    local.refill();
    for (int i = 0; i < batch; ++i) symbols[i] = static_cast<Symbol>(next(local));
    local.check_end();
  }
  for (; count > 0; --count) {
    local.refill();
    *symbols++ = static_cast<Symbol>(next(local));
  }
  local.check_end();
  bits = local;
}

template <class Symbol>
void HuffmanDecoder::get(BitReader& bits, Symbol* symbols, std::size_t count) const {
  if (width_ == 0)
    std::fill_n(symbols, count, static_cast<Symbol>(lone_));
  else if (longest_ <= table_width)
    get_batches<56 / table_width>(bits, symbols, count);
  else
    get_batches<56 / max_code_length>(bits, symbols, count);
}

template void HuffmanDecoder::get(BitReader&, std::uint8_t*, std::size_t) const;
template void HuffmanDecoder::get(BitReader&, std::uint16_t*, std::size_t) const;

}  // namespace octet

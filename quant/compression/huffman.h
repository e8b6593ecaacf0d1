// Canonical Huffman coding (Huffman 1952): words in the order of (length, symbol), so that the
// lengths alone say the code. A lone symbol costs no bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "quant/compression/bit_stream.h"
#include "quant/compression/code_lengths.h"

namespace octet {

class HuffmanEncoder {
 public:
  /// Lengths of a complete code or a lone symbol.
  explicit HuffmanEncoder(const CodeLengths& lengths);

  /// The symbol must have a word.
  void put(BitWriter& bits, std::size_t symbol) const {
    bits.put(words_[symbol].bits, words_[symbol].length);
  }

 private:
  struct Word {
    std::uint32_t bits = 0;
    int length = 0;
  };
  std::vector<Word> words_;
};

class HuffmanDecoder {
 public:
  /// At most 65536 symbols. Throws Error(data), beginning with `source`, unless the lengths make a
  /// complete prefix code or a lone symbol.
  HuffmanDecoder(const CodeLengths& lengths, std::string_view source);

  /// Reads `count` symbols; where the bits end before, throws Error(data). Symbol is std::uint8_t
  /// for at most 256 symbols, or std::uint16_t.
  template <class Symbol>
  void get(BitReader& bits, Symbol* symbols, std::size_t count) const;

 private:
  struct Word {
    std::uint16_t symbol = 0;
    std::uint8_t length = 0;  // 0: longer than the table is wide
  };
  std::uint16_t next(BitReader& bits) const;
  template <int batch, class Symbol>
  void get_batches(BitReader& bits, Symbol* symbols, std::size_t count) const;

  int width_ = 0;  // bits that index the table; 0 for a lone symbol
  int longest_ = 0;
  std::uint16_t lone_ = 0;
  std::vector<Word> table_;             // by the next width_ bits
  std::vector<std::uint16_t> ordered_;  // symbols by (length, symbol)
  // By length: the first word longer than it, as its max_code_length leading bits, and what to add
  // to a word to get its place in ordered_.
  std::uint32_t limits_[max_code_length + 1] = {};
  std::int32_t offsets_[max_code_length + 1] = {};
};

}  // namespace octet

// Binary arithmetic coding: a bit of probability p costs log2(1 / p) bits, to within a thousandth
// for probabilities that are not near the smallest there are. Range coder with carries (Martin
// 1979), 32 bits wide; the first byte, always zero, is not written, nor are zeros at the end that
// nothing but the end put there. Part of the file format: a change needs another file version.
#pragma once

#include <cassert>
#include <cstdint>

#include "quant/compression/bit_stream.h"

namespace octet {

/// A probability in units of 1 / probability_one, never 0 or 1.
using Probability = std::uint32_t;
inline constexpr int probability_bits = 16;
inline constexpr Probability probability_one = 1u << probability_bits;

class BinaryEncoder {
 public:
  /// Appends to `bytes`; finish() must be called after the last bit.
  explicit BinaryEncoder(Bytes& bytes) : bytes_(bytes) {}

  /// `one`: the probability of a one.
  void put(bool bit, Probability one) {
    assert(one > 0 && one < probability_one);
    const auto part = static_cast<std::uint32_t>((std::uint64_t{range_} * one) >> probability_bits);
    if (bit) {
      range_ = part;
    } else {
      low_ += part;
      range_ -= part;
    }
    for (; range_ < (1u << 24); range_ <<= 8) shift();
  }

  void finish() {
    // The number within the range that ends in most zeros.
    for (int zeros = 32; zeros >= 0; --zeros) {
      const std::uint64_t mask = (std::uint64_t{1} << zeros) - 1;
      const std::uint64_t round = (low_ + mask) & ~mask;
      if (round - low_ >= range_) continue;
      low_ = round;
      break;
    }
    // Four bytes more than bits needed: of these, and no others, zeros go, so that the number of
    // bytes still bounds the number of bits.
    for (int i = 0; i < 5; ++i) shift();
    for (int i = 0; i < 4 && bytes_.back() == 0; ++i) bytes_.pop_back();
  }

 private:
  // Moves the top byte of low out, where a carry can still reach the bytes that wait: the last one
  // that is not 255 and the 255s after it.
  void shift() {
    if (low_ < 0xff000000u || low_ > 0xffffffffu) {
      const auto carry = static_cast<std::uint8_t>(low_ >> 32);
      for (; waiting_ > 0; --waiting_) {
        if (!first_) bytes_.push_back(static_cast<std::uint8_t>(cache_ + carry));
        first_ = false;
        cache_ = 0xff;
      }
      cache_ = static_cast<std::uint8_t>(low_ >> 24);
    }
    ++waiting_;
    low_ = (low_ & 0x00ffffffu) << 8;
  }

  Bytes& bytes_;
  std::uint64_t low_ = 0, waiting_ = 1;
  std::uint32_t range_ = 0xffffffffu;
  std::uint8_t cache_ = 0;
  bool first_ = true;
};

class BinaryDecoder {
 public:
  /// The data must outlive the decoder. After its end there are zeros.
  BinaryDecoder(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {
    for (int i = 0; i < 4; ++i) code_ = (code_ << 8) | next();
  }

  bool get(Probability one) {
    assert(one > 0 && one < probability_one);
    const auto part = static_cast<std::uint32_t>((std::uint64_t{range_} * one) >> probability_bits);
    const bool bit = code_ < part;
    if (bit) {
      range_ = part;
    } else {
      code_ -= part;
      range_ -= part;
    }
    for (; range_ < (1u << 24); range_ <<= 8) code_ = (code_ << 8) | next();
    return bit;
  }

  /// Whether the data end where an encoder that has put as many bits would have ended them.
  bool is_finished() const {
    return read_ >= size_ && read_ <= size_ + 4 && (read_ == size_ + 4 || data_[size_ - 1] != 0);
  }

 private:
  std::uint8_t next() {
    const std::size_t at = read_++;
    return at < size_ ? data_[at] : std::uint8_t{0};
  }

  const std::uint8_t* data_;
  std::size_t size_, read_ = 0;
  std::uint32_t range_ = 0xffffffffu, code_ = 0;
};

}  // namespace octet

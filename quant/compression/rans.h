// Range asymmetric numeral systems (Duda 2013): a state x holds all symbols to come, the next one
// in its lowest bits. Coding a symbol of frequency f, below which the others begin at b:
//   x' = (x / f) * 2^bits + b + x mod f
// Several states take turns over one row of 16-bit words (Giesen 2014), so that a processor works
// on them side by side. Part of the file format: a change needs another file version.
#pragma once

#include <array>
#include <cassert>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "framework/check.h"
#include "framework/files.h"
#include "quant/compression/frequency_table.h"

namespace octet {

/// States lie within 2^16 .. 2^32 - 1 between symbols, and at 2^16 at first.
inline constexpr std::uint32_t rans_least = 1u << 16;

/// Where the symbols of a table begin, for an encoder.
class RansSymbols {
 public:
  explicit RansSymbols(const FrequencyTable& table);

  int bits() const { return bits_; }
  std::uint32_t frequency(std::size_t symbol) const { return ranges_[symbol].frequency; }
  std::uint32_t begin(std::size_t symbol) const { return ranges_[symbol].begin; }

 private:
  struct Range {
    std::uint16_t frequency = 0, begin = 0;
  };
  int bits_;
  std::vector<Range> ranges_;
};

/// The symbol of each of the 2^bits lowest parts of a state, for a decoder.
class RansSlots {
 public:
  struct Slot {
    std::uint16_t frequency, offset;  // offset: place within the symbol's range
    std::uint16_t symbol;
    std::uint16_t unused;  // a power of two in size
  };
  explicit RansSlots(const FrequencyTable& table);

  int bits() const { return bits_; }
  const Slot& operator[](std::uint32_t state) const { return slots_[state & mask_]; }

 private:
  int bits_;
  std::uint32_t mask_;
  std::vector<Slot> slots_;
};

/// Takes the last symbol first; who decodes gets the first one first.
template <int states>
class RansEncoder {
 public:
  RansEncoder() { x_.fill(rans_least); }

  /// `state`: whose turn it is. The symbol's frequency must not be 0.
  void put(int state, const RansSymbols& symbols, std::size_t symbol) {
    std::uint32_t& x = x_[static_cast<std::size_t>(state)];
    const std::uint32_t frequency = symbols.frequency(symbol);
    assert(frequency > 0);
    if (x >= std::uint64_t{frequency} << (32 - symbols.bits())) {
      words_.push_back(static_cast<std::uint16_t>(x));
      x >>= 16;
    }
    x = ((x / frequency) << symbols.bits()) + symbols.begin(symbol) + x % frequency;
  }

  /// The states, then the words in the order of decoding.
  Bytes finish() const {
    Bytes bytes(sizeof x_ + 2 * words_.size());
    std::memcpy(bytes.data(), x_.data(), sizeof x_);
    std::uint8_t* to = bytes.data() + sizeof x_;
    for (auto word = words_.rbegin(); word != words_.rend(); ++word, to += 2)
      std::memcpy(to, &*word, 2);
    return bytes;
  }

 private:
  std::array<std::uint32_t, static_cast<std::size_t>(states)> x_;
  std::vector<std::uint16_t> words_;
};

template <int states>
class RansDecoder {
 public:
  /// The data must outlive the decoder. Throws Error(data), beginning with `source`, when they
  /// cannot be states and words.
  RansDecoder(const std::uint8_t* data, std::size_t size, std::string_view source)
      : next_(data), end_(data + size) {
    check(size >= sizeof x_ && size % 2 == 0, Failure::data, source, ": expected at least ",
          sizeof x_, " bytes, an even number, of a rANS stream, got ", size);
    std::memcpy(x_.data(), next_, sizeof x_);
    next_ += sizeof x_;
    for (const std::uint32_t x : x_)
      check(x >= rans_least, Failure::data, source, ": expected rANS states of at least ",
            rans_least, ", got ", x);
  }

  /// Whether `symbols` more can be got without looking where the words end.
  bool is_safe(int symbols) const { return end_ - next_ >= 2 * symbols; }

  /// The next symbol, of the state whose turn it is; only where it is safe.
  std::uint16_t get(int state, const RansSlots& slots) {
    std::uint32_t& x = x_[static_cast<std::size_t>(state)];
    const RansSlots::Slot slot = slots[x];
    x = slot.frequency * (x >> slots.bits()) + slot.offset;
    std::uint16_t word;
    std::memcpy(&word, next_, 2);
    // Without a branch, which would be taken at random.
    const std::uint32_t is_low = x < rans_least ? 1 : 0;
    x = (x << (16 * is_low)) | (word & (0u - is_low));
    next_ += 2 * is_low;
    return slot.symbol;
  }

  /// The same where it is not. After the last word there are zeros; is_finished tells.
  std::uint16_t get_at_end(int state, const RansSlots& slots) {
    std::uint32_t& x = x_[static_cast<std::size_t>(state)];
    const RansSlots::Slot slot = slots[x];
    x = slot.frequency * (x >> slots.bits()) + slot.offset;
    if (x < rans_least) {
      std::uint16_t word = 0;
      if (next_ < end_)
        std::memcpy(&word, next_, 2);
      else
        is_short_ = true;
      next_ += next_ < end_ ? 2 : 0;
      x = (x << 16) | word;
    }
    return slot.symbol;
  }

  /// All words are used, none was missing, and the states are the encoder's first ones.
  bool is_finished() const {
    bool first = true;
    for (const std::uint32_t x : x_) first = first && x == rans_least;
    return first && next_ == end_ && !is_short_;
  }

 private:
  std::array<std::uint32_t, static_cast<std::size_t>(states)> x_;
  const std::uint8_t* next_;
  const std::uint8_t* end_;
  bool is_short_ = false;
};

}  // namespace octet

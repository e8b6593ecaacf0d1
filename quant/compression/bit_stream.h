// Bits, most significant first, and bytes, written and read. A reader never leaves its bounds:
// what is not there throws Error(data), naming the source.
#pragma once

#include <bit>
#include <cassert>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "framework/check.h"
#include "framework/files.h"

namespace octet {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they lie");

/// Appends the 1 to 10 bytes of LEB128: seven bits a byte, low ones first.
inline void put_varint(Bytes& bytes, std::uint64_t value) {
  for (; value >= 128; value >>= 7) bytes.push_back(static_cast<std::uint8_t>(value | 128));
  bytes.push_back(static_cast<std::uint8_t>(value));
}

/// Appends `size` bytes as they lie in memory.
inline void put_bytes(Bytes& bytes, const void* data, std::size_t size) {
  const auto* begin = static_cast<const std::uint8_t*>(data);
  bytes.insert(bytes.end(), begin, begin + size);
}

/// Appends bits to `bytes`; finish() must be called after the last.
class BitWriter {
 public:
  explicit BitWriter(Bytes& bytes) : bytes_(bytes) {}

  /// The low `count` bits of `value`, 0 to 32 of them; the bits above must be zero.
  void put(std::uint32_t value, int count) {
    assert(count >= 0 && count <= 32 && (std::uint64_t{value} >> count) == 0);
    buffer_ = (buffer_ << count) | value;
    count_ += count;
    if (count_ >= 32) drain();
  }

  /// Fills the last byte with zeros.
  void finish() {
    drain();
    if (count_ > 0) bytes_.push_back(static_cast<std::uint8_t>(buffer_ << (8 - count_)));
    count_ = 0;
  }

 private:
  void drain() {
    for (; count_ >= 8; count_ -= 8)
      bytes_.push_back(static_cast<std::uint8_t>(buffer_ >> (count_ - 8)));
  }

  Bytes& bytes_;
  std::uint64_t buffer_ = 0;  // the low count_ bits wait
  int count_ = 0;
};

class BitReader {
 public:
  /// The data and the name must outlive the reader.
  BitReader(const std::uint8_t* data, std::size_t size, std::string_view source)
      : begin_(data), next_(data), end_(data + size), source_(source) {}

  /// The next 0 to 32 bits.
  std::uint32_t get(int count) {
    refill();
    const std::uint32_t value = peek(count);
    skip(count);
    check_end();
    return value;
  }

  /// After refill at least 56 bits may be looked at and skipped. Past the end there are zeros;
  /// who has skipped into them is told by check_end.
  void refill() {
    if (end_ - next_ >= 8) {
      std::uint64_t word;
      std::memcpy(&word, next_, 8);
      buffer_ |= __builtin_bswap64(word) >> bits_;
      const int taken = (63 - bits_) >> 3;
      next_ += taken;
      bits_ += 8 * taken;
      return;
    }
    for (; bits_ <= 56; bits_ += 8) {
      if (next_ < end_)
        buffer_ |= std::uint64_t{*next_++} << (56 - bits_);
      else
        ++missing_;
    }
  }
  std::uint32_t peek(int count) const {
    return static_cast<std::uint32_t>((buffer_ >> 1) >> (63 - count));
  }
  void skip(int count) {
    buffer_ <<= count;
    bits_ -= count;
  }
  void check_end() const {
    if (bits_ < 8 * missing_) throw_end(source_);
  }

  /// Leaves the rest of the byte, which must be zero, and returns the number of bytes used.
  std::size_t finish() {
    check_end();
    const int padding = bits_ & 7;
    check(peek(padding) == 0, Failure::data, source_, ": expected zeros after a bit stream");
    return static_cast<std::size_t>(next_ - begin_) + static_cast<std::size_t>(missing_) -
           static_cast<std::size_t>(bits_ / 8);
  }

 private:
  // By value: a reader whose address is never taken lives in registers.
  [[noreturn]] static void throw_end(std::string_view source) {
    fail(Failure::data, source, ": ends in the middle of a bit stream");
  }

  const std::uint8_t* begin_;
  const std::uint8_t* next_;
  const std::uint8_t* end_;
  std::uint64_t buffer_ = 0;  // the next bits_ bits at the top
  int bits_ = 0;
  int missing_ = 0;  // zero bytes put behind the end
  std::string_view source_;
};

class ByteReader {
 public:
  /// The data must outlive the reader; `source` begins every message.
  ByteReader(const std::uint8_t* data, std::size_t size, std::string source)
      : next_(data), left_(size), source_(std::move(source)) {}

  const std::string& source() const { return source_; }
  const std::uint8_t* here() const { return next_; }
  std::size_t left() const { return left_; }

  /// The next `count` bytes.
  const std::uint8_t* take(std::uint64_t count) {
    check(count <= left_, Failure::data, source_, ": expected ", count, " more bytes, got ", left_);
    const std::uint8_t* const taken = next_;
    next_ += count;
    left_ -= static_cast<std::size_t>(count);
    return taken;
  }
  std::uint8_t byte() { return *take(1); }

  /// A number of at most `most`; `what` names it in the message.
  std::uint64_t varint(std::uint64_t most, std::string_view what) {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const std::uint64_t part = byte();
      check(shift < 63 || part <= 1, Failure::data, source_, ": ", what, " is no number");
      value |= (part & 127) << shift;
      if (part < 128) break;
    }
    check(value <= most, Failure::data, source_, ": expected at most ", most, " for ", what,
          ", got ", value);
    return value;
  }

  /// A length and as many characters.
  std::string text(std::string_view what) {
    const std::uint64_t size = varint(left_, what);
    return std::string(reinterpret_cast<const char*>(take(size)), static_cast<std::size_t>(size));
  }

 private:
  const std::uint8_t* next_;
  std::size_t left_;
  std::string source_;
};

}  // namespace octet

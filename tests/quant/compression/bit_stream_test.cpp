#include "quant/compression/bit_stream.h"

#include <doctest/doctest.h>

#include <limits>
#include <utility>

#include "tests/quant/compression/helpers.h"

namespace octet {
namespace {
using compression_test::Draw;
using compression_test::failure_of;

TEST_CASE("bit streams: the most significant bit comes first") {
  Bytes bytes;
  BitWriter writer(bytes);
  writer.put(1, 1);
  writer.put(0, 2);
  writer.put(0b10110, 5);
  writer.put(0b11, 2);
  writer.finish();
  CHECK(bytes == Bytes{0b10010110, 0b11000000});
}

TEST_CASE("bit streams: what is written is read, of any width and at any place") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Draw draw(seed);
    std::vector<std::pair<std::uint32_t, int>> parts;
    for (std::uint32_t i = draw.below(300); i > 0; --i) {
      const int width = static_cast<int>(draw.below(33));
      const std::uint64_t all = draw.below(0xffffffffu);
      parts.emplace_back(static_cast<std::uint32_t>(all & ((std::uint64_t{1} << width) - 1)),
                         width);
    }
    Bytes bytes;
    BitWriter writer(bytes);
    for (const auto& [value, width] : parts) writer.put(value, width);
    writer.finish();
    BitReader reader(bytes.data(), bytes.size(), "test");
    for (const auto& [value, width] : parts) REQUIRE(reader.get(width) == value);
    CHECK(reader.finish() == bytes.size());
  }
}

TEST_CASE("bit streams: reading past the end and bits in the padding are refused") {
  const Bytes bytes{0xff, 0x80, 0x00};
  BitReader reader(bytes.data(), 2, "cut.octet");
  CHECK(reader.get(16) == 0xff80);
  std::string message;
  CHECK(failure_of([&] { reader.get(1); }, &message) == Failure::data);
  CHECK(message.starts_with("cut.octet: "));

  BitReader padded(bytes.data(), 3, "test");
  padded.get(9);
  CHECK(padded.finish() == 2);
  BitReader dirty(bytes.data(), 3, "test");
  dirty.get(4);
  CHECK(failure_of([&] { dirty.finish(); }) == Failure::data);
  BitReader empty(bytes.data(), 0, "test");
  CHECK(empty.get(0) == 0);
  CHECK(empty.finish() == 0);
}

TEST_CASE("varints: what is written is read, and no more than ten bytes") {
  for (int shift = 0; shift < 64; ++shift)
    for (const std::uint64_t offset : {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{1}}) {
      const std::uint64_t value = (std::uint64_t{1} << shift) + offset;
      Bytes bytes;
      put_varint(bytes, value);
      ByteReader reader(bytes.data(), bytes.size(), "test");
      CHECK(reader.varint(std::numeric_limits<std::uint64_t>::max(), "a number") == value);
      CHECK(reader.left() == 0);
    }
  const Bytes long_number(11, 0x80), large(Bytes(9, 0xff));
  Bytes too_large = large;
  too_large.push_back(2);
  for (const Bytes& bytes : {long_number, too_large, large, Bytes{}}) {
    ByteReader reader(bytes.data(), bytes.size(), "test");
    CHECK(failure_of([&] { reader.varint(~std::uint64_t{0}, "a number"); }) == Failure::data);
  }
}

TEST_CASE("byte readers: nothing beyond the end, nothing beyond what is allowed") {
  const Bytes bytes{3, 'a', 'b', 'c', 200, 1};
  ByteReader reader(bytes.data(), bytes.size(), "test");
  CHECK(reader.text("a name") == "abc");
  CHECK(failure_of([&] { ByteReader(reader).varint(199, "a number"); }) == Failure::data);
  CHECK(ByteReader(reader).varint(200, "a number") == 200);
  CHECK(failure_of([&] { ByteReader(reader).text("a name"); }) == Failure::data);
  CHECK(failure_of([&] { reader.take(3); }) == Failure::data);
  CHECK(failure_of([&] { reader.take(~std::uint64_t{0}); }) == Failure::data);
  CHECK(reader.left() == 2);
}

}  // namespace
}  // namespace octet

#include "quant/compression/huffman.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/quant/compression/helpers.h"

namespace octet {
namespace {
using namespace compression_test;

Bytes coded(const CodeLengths& lengths, const std::vector<std::uint16_t>& symbols) {
  Bytes bytes;
  BitWriter writer(bytes);
  const HuffmanEncoder encoder(lengths);
  for (const std::uint16_t symbol : symbols) encoder.put(writer, symbol);
  writer.finish();
  return bytes;
}

template <class Symbol>
std::vector<Symbol> decoded(const CodeLengths& lengths, const Bytes& bytes, std::size_t count) {
  std::vector<Symbol> symbols(count);
  BitReader reader(bytes.data(), bytes.size(), "test");
  HuffmanDecoder(lengths, "test").get(reader, symbols.data(), count);
  CHECK(reader.finish() == bytes.size());
  return symbols;
}

std::vector<std::uint64_t> count(const std::vector<std::uint16_t>& symbols, std::size_t alphabet) {
  std::vector<std::uint64_t> counts(alphabet);
  for (const std::uint16_t symbol : symbols) ++counts[symbol];
  return counts;
}

TEST_CASE("Huffman: words are canonical") {
  const CodeLengths lengths{2, 1, 3, 3};
  CHECK(coded(lengths, {1, 0, 2, 3}) == Bytes{0b01011011, 0b10000000});
}

TEST_CASE("Huffman: what is written is read, over alphabets of any size") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Draw draw(seed);
    const std::uint32_t alphabet = 1 + draw.below(seed % 2 ? 256 : 4097);
    const std::uint32_t narrow = 1 + draw.below(alphabet);
    std::vector<std::uint16_t> symbols(draw.below(5000) + 1);
    for (auto& symbol : symbols)
      symbol = static_cast<std::uint16_t>(draw.below(draw.below(10) ? narrow : alphabet));
    const CodeLengths lengths = code_lengths(count(symbols, alphabet));
    const Bytes bytes = coded(lengths, symbols);
    CHECK(bytes.size() == (coded_bits(count(symbols, alphabet), lengths) + 7) / 8);
    CHECK(decoded<std::uint16_t>(lengths, bytes, symbols.size()) == symbols);
    if (alphabet <= 256)
      CHECK(decoded<std::uint8_t>(lengths, bytes, symbols.size()) ==
            std::vector<std::uint8_t>(symbols.begin(), symbols.end()));
  }
}

TEST_CASE("Huffman: words of every length up to the limit") {
  CodeLengths lengths;
  for (int length = 1; length <= max_code_length; ++length)
    lengths.push_back(static_cast<std::uint8_t>(length));
  lengths.push_back(max_code_length);
  Draw draw(1);
  std::vector<std::uint16_t> symbols(3000);
  for (auto& symbol : symbols)
    symbol = static_cast<std::uint16_t>(draw.below(static_cast<std::uint32_t>(lengths.size())));
  CHECK(decoded<std::uint16_t>(lengths, coded(lengths, symbols), symbols.size()) == symbols);
}

TEST_CASE("Huffman: a lone symbol costs no bits") {
  const std::vector<std::uint16_t> symbols(1000, 3);
  const CodeLengths lengths = code_lengths(count(symbols, 5));
  CHECK(coded(lengths, symbols).empty());
  CHECK(decoded<std::uint16_t>(lengths, {}, 1000) == symbols);
}

TEST_CASE("Huffman: a stream that is cut is refused at every length") {
  Draw draw(9);
  std::vector<std::uint16_t> symbols(300);
  for (auto& symbol : symbols) symbol = static_cast<std::uint16_t>(draw.below(1 + draw.below(200)));
  const CodeLengths lengths = code_lengths(count(symbols, 200));
  const Bytes bytes = coded(lengths, symbols);
  const HuffmanDecoder decoder(lengths, "test");
  std::vector<std::uint8_t> out(symbols.size());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    BitReader reader(bytes.data(), size, "test");
    CHECK(failure_of([&] { decoder.get(reader, out.data(), out.size()); }) == Failure::data);
  }
  CHECK(failure_of([] { HuffmanDecoder({1, 1, 2}, "test"); }) == Failure::data);
}

}  // namespace
}  // namespace octet

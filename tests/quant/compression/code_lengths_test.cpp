#include "quant/compression/code_lengths.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>

#include "tests/quant/compression/helpers.h"

namespace octet {
namespace {
using namespace compression_test;

// The least cost of all lengths up to `limit` that satisfy Kraft's inequality.
std::uint64_t best_bits(const std::vector<std::uint64_t>& counts, std::size_t symbol, int limit,
                        int room) {
  if (symbol == counts.size()) return 0;
  if (counts[symbol] == 0) return best_bits(counts, symbol + 1, limit, room);
  std::uint64_t best = std::numeric_limits<std::uint64_t>::max() / 2;
  for (int length = 1; length <= limit; ++length) {
    const int taken = 1 << (limit - length);
    if (taken <= room)
      best = std::min(best, counts[symbol] * static_cast<std::uint64_t>(length) +
                                best_bits(counts, symbol + 1, limit, room - taken));
  }
  return best;
}

TEST_CASE("code lengths: the optimum of all prefix codes, under any limit") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Draw draw(seed);
    std::vector<std::uint64_t> counts(2 + draw.below(5));
    for (auto& count : counts) count = draw.below(seed % 3 == 0 ? 4 : 1000);
    if (std::count(counts.begin(), counts.end(), 0u) + 2 >
        static_cast<std::ptrdiff_t>(counts.size()))
      continue;
    for (int limit = 3; limit <= 7; ++limit) {
      const CodeLengths lengths = code_lengths(counts, limit);
      CHECK(*std::max_element(lengths.begin(), lengths.end()) <= limit);
      CHECK(!failure_of([&] { check_lengths(lengths, "test"); }));
      CHECK(coded_bits(counts, lengths) == best_bits(counts, 0, limit, 1 << limit));
    }
  }
}

TEST_CASE("code lengths: within a bit a symbol of the entropy, and a limit that binds") {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    Draw draw(seed);
    std::vector<std::uint64_t> counts(2 + draw.below(4000));
    std::uint64_t total = 0;
    for (auto& count : counts) total += count = draw.below(1u << draw.below(16));
    if (total == 0) continue;
    const CodeLengths lengths = code_lengths(counts);
    const auto bits = static_cast<double>(coded_bits(counts, lengths));
    CHECK(bits >= entropy_bits(counts) * (1 - 1e-12));
    CHECK(bits <= entropy_bits(counts) + static_cast<double>(total));
    CHECK(!failure_of([&] { check_lengths(lengths, "test"); }));
  }
  // Fibonacci counts make Huffman's own words as long as the alphabet is large.
  std::vector<std::uint64_t> fibonacci{1, 1};
  while (fibonacci.size() < 40) fibonacci.push_back(fibonacci.back() + fibonacci.end()[-2]);
  const CodeLengths limited = code_lengths(fibonacci);
  CHECK(*std::max_element(limited.begin(), limited.end()) == max_code_length);
  CHECK(!failure_of([&] { check_lengths(limited, "test"); }));
  CHECK(code_lengths({5, 5, 5, 5}) == CodeLengths{2, 2, 2, 2});
  CHECK(entropy_bits({5, 5, 5, 5}) == doctest::Approx(40));
}

TEST_CASE("code lengths: lone symbols cost nothing, equal counts rise with the symbol") {
  CHECK(code_lengths({0, 9, 0}) == CodeLengths{0, 1, 0});
  CHECK(coded_bits({0, 9, 0}, {0, 1, 0}) == 0);
  CHECK(entropy_bits({0, 9, 0}) == 0);
  CHECK(code_lengths({0, 0}) == CodeLengths{0, 0});
  CHECK(entropy_bits({}) == 0);
  for (std::size_t symbols = 2; symbols < 70; ++symbols) {
    const CodeLengths lengths = code_lengths(std::vector<std::uint64_t>(symbols, 3));
    CHECK(std::is_sorted(lengths.begin(), lengths.end()));
  }
}

TEST_CASE("code lengths: tables are read as they were written, and are short") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Draw draw(seed);
    std::vector<std::uint64_t> counts(1 + draw.below(300));
    for (auto& count : counts) count = draw.below(2 + draw.below(3)) * draw.below(1000);
    counts[draw.below(static_cast<std::uint32_t>(counts.size()))] = 1;
    const CodeLengths lengths = code_lengths(counts);
    Bytes bytes;
    BitWriter writer(bytes);
    put_lengths(writer, lengths);
    writer.finish();
    BitReader reader(bytes.data(), bytes.size(), "test");
    CHECK(get_lengths(reader, lengths.size(), "test") == lengths);
    CHECK(reader.finish() == bytes.size());
    if (bytes.size() > 1) {
      BitReader cut(bytes.data(), bytes.size() - 1, "test");
      CHECK(failure_of([&] { get_lengths(cut, lengths.size(), "test"); }) == Failure::data);
    }
  }
  Bytes bytes;
  BitWriter writer(bytes);
  put_lengths(writer, CodeLengths(32, 5));
  writer.finish();
  CHECK(bytes.size() == 5);
}

TEST_CASE("code lengths: hostile tables are refused") {
  std::string message;
  for (const CodeLengths& lengths : std::vector<CodeLengths>{
           {1, 1, 1}, {1, 2}, {2}, {0, 0}, {}, {1, 2, 3}, {25, 1}, {24, 24}, {3, 3, 3, 3, 3, 3, 3}})
    CHECK(failure_of([&] { check_lengths(lengths, "a.octet"); }, &message) == Failure::data);
  CHECK(message == "a.octet: a code table is incomplete");
  CHECK(!failure_of([] { check_lengths({1, 2, 3, 3}, "test"); }));
  // Random bits are nearly always refused, and never do harm.
  int refused = 0;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    Draw draw(seed);
    Bytes bytes(draw.below(20));
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(draw.below(256));
    BitReader reader(bytes.data(), bytes.size(), "test");
    const auto failure = failure_of([&] { get_lengths(reader, 1 + draw.below(64), "test"); });
    if (failure) CHECK(*failure == Failure::data);
    refused += failure.has_value();
  }
  CHECK(refused > 1500);
}

}  // namespace
}  // namespace octet

#include "quant/compression/frequency_table.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "quant/compression/code_lengths.h"
#include "tests/quant/compression/helpers.h"

namespace octet {
namespace {
using namespace compression_test;

std::vector<std::uint64_t> random_counts(std::uint64_t seed) {
  Draw draw(seed);
  std::vector<std::uint64_t> counts(1 + draw.below(seed % 5 == 0 ? 4097 : 300));
  for (auto& count : counts)
    count = draw.below(3) == 0
                ? 0
                : draw.below(1u << draw.below(static_cast<std::uint32_t>(seed % 20) + 1));
  counts[draw.below(static_cast<std::uint32_t>(counts.size()))] += 1;
  return counts;
}

void check_table(const FrequencyTable& table, const std::vector<std::uint64_t>& counts) {
  REQUIRE(table.frequencies.size() == counts.size());
  CHECK(std::accumulate(table.frequencies.begin(), table.frequencies.end(), 0) == 1 << table.bits);
  for (std::size_t s = 0; s < counts.size(); ++s)
    CHECK((table.frequencies[s] > 0) == (counts[s] > 0));
}

TEST_CASE("frequency table: sums are exact, what occurs has a part, and the bytes say all") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const std::vector<std::uint64_t> counts = random_counts(seed);
    for (const int bits : {13, 14})
      for (const int digits : {1, 3, bits + 1}) {
        const FrequencyTable table = make_table(counts, bits, digits);
        check_table(table, counts);
        Bytes bytes;
        BitWriter writer(bytes);
        put_table(writer, table);
        writer.finish();
        BitReader reader(bytes.data(), bytes.size(), "test");
        const FrequencyTable read = get_table(reader, counts.size(), "test");
        CHECK(reader.finish() == bytes.size());
        CHECK(read.bits == table.bits);
        CHECK(read.rounded == table.rounded);
        CHECK(read.frequencies == table.frequencies);
        BitReader cut(bytes.data(), bytes.size() - 1, "test");
        CHECK(failure_of([&] { get_table(cut, counts.size(), "test"); }) == Failure::data);
      }
  }
}

TEST_CASE("frequency table: as many symbols as parts, a lone one, and none") {
  const FrequencyTable full = make_table(std::vector<std::uint64_t>(1 << 14, 3), 14, 1);
  CHECK(std::count(full.frequencies.begin(), full.frequencies.end(), 1) == 1 << 14);
  // The large one pays for 4096 that would round to nothing.
  std::vector<std::uint64_t> skewed(4097, 1);
  skewed[7] = std::uint64_t{1} << 32;
  check_table(make_table(skewed, 13, 14), skewed);
  const FrequencyTable lone = choose_table({0, 0, 5, 0});
  CHECK(lone.bits == 0);
  CHECK(lone.frequencies == std::vector<std::uint16_t>{0, 0, 1, 0});
  CHECK(coded_bits({0, 0, 5, 0}, lone) == 0);
  CHECK(choose_table({0, 0}).frequencies.empty());
}

TEST_CASE("frequency table: the chosen one is near the entropy, its own bytes included") {
  for (const std::uint64_t total : {2000, 100000, 10000000}) {
    std::vector<std::uint64_t> counts;
    for (double left = static_cast<double>(total); counts.size() < 256; left *= 0.96)
      counts.push_back(static_cast<std::uint64_t>(left * 0.04 + 0.5));
    const FrequencyTable table = choose_table(counts);
    Bytes bytes;
    BitWriter writer(bytes);
    put_table(writer, table);
    writer.finish();
    const double all = coded_bits(counts, table) + 8.0 * static_cast<double>(bytes.size());
    CHECK(all < 1.002 * entropy_bits(counts) + 8 * 60);
  }
}

TEST_CASE("frequency table: what cannot have been written is refused") {
  int refused = 0;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    Draw draw(seed);
    Bytes bytes(1 + draw.below(60));
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(draw.below(256));
    BitReader reader(bytes.data(), bytes.size(), "test");
    const std::size_t symbols = 1 + draw.below(64);
    const auto failure = failure_of([&] {
      const FrequencyTable table = get_table(reader, symbols, "test");
      REQUIRE(std::accumulate(table.frequencies.begin(), table.frequencies.end(), 0) ==
              1 << table.bits);
    });
    CHECK((!failure || failure == Failure::data));
    refused += failure.has_value();
  }
  CHECK(refused > 1000);
  CHECK(refused < 2000);
}

}  // namespace
}  // namespace octet

#include "quant/compression/relative_index.h"

#include <doctest/doctest.h>

#include "tests/quant/compression/helpers.h"

namespace octet {
namespace {
using namespace compression_test;

Nonzeros random_nonzeros(std::uint64_t seed) {
  Draw draw(seed);
  Nonzeros nonzeros;
  nonzeros.elements = draw.below(3000);
  const std::uint32_t sparsity = 1 + draw.below(seed % 2 ? 600 : 4);
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(nonzeros.elements); ++i)
    if (draw.below(sparsity) == 0) {
      nonzeros.positions.push_back(i);
      nonzeros.symbols.push_back(static_cast<std::uint16_t>(1 + draw.below(40)));
    }
  return nonzeros;
}

Nonzeros decode_relative(const RelativeIndex& index, std::int64_t elements,
                         std::string_view source) {
  check_elements(index, elements, source);
  Nonzeros nonzeros{elements, {}, {}};
  for_each_nonzero(index, source, [&](std::uint32_t position, std::uint16_t symbol) {
    nonzeros.positions.push_back(position);
    nonzeros.symbols.push_back(symbol);
  });
  return nonzeros;
}

TEST_CASE("relative index: the paper's figure, gaps of at most 8") {
  // Distances 2, 3, 12 as in figure 2 of the paper: the third needs a filler.
  const Nonzeros nonzeros{20, {1, 4, 16}, {34, 9, 17}};
  const RelativeIndex index = encode_relative(nonzeros, 3);
  CHECK(index.gaps == std::vector<std::uint8_t>{1, 2, 7, 3});
  CHECK(index.symbols == std::vector<std::uint16_t>{34, 9, 0, 17});
  CHECK(decode_relative(index, 20, "test") == nonzeros);
}

TEST_CASE("relative index: what is encoded is decoded, and counted beforehand") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const Nonzeros nonzeros = random_nonzeros(seed);
    for (int bits = 1; bits <= 8; ++bits) {
      const RelativeIndex index = encode_relative(nonzeros, bits);
      REQUIRE(decode_relative(index, nonzeros.elements, "test") == nonzeros);
      GapCounts counts{std::vector<std::uint64_t>(std::size_t{1} << bits), 0};
      for (std::size_t i = 0; i < index.gaps.size(); ++i) {
        ++counts.gaps[index.gaps[i]];
        counts.fillers += index.symbols[i] == 0;
      }
      const GapCounts expected = count_gaps(nonzeros, bits);
      CHECK(expected.gaps == counts.gaps);
      CHECK(expected.fillers == counts.fillers);
      CHECK(nonzeros.elements <
            (std::int64_t{1} << bits) * (static_cast<std::int64_t>(index.gaps.size()) + 1));
    }
  }
}

TEST_CASE("relative index: a size that the entries do not bear out is refused") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Nonzeros nonzeros = random_nonzeros(seed);
    const RelativeIndex index = encode_relative(nonzeros, 4);
    std::int64_t covered = 0;
    for (const std::uint8_t gap : index.gaps) covered += gap + 1;
    CHECK(!failure_of([&] { decode_relative(index, covered, "test"); }));
    CHECK(!failure_of([&] { decode_relative(index, covered + 15, "test"); }));
    for (const std::int64_t elements : {covered + 16, covered - 1, std::int64_t{1} << 39})
      CHECK(failure_of([&] { decode_relative(index, elements, "test"); }) == Failure::data);
  }
}

TEST_CASE("relative index: a short filler and a gap beyond the bits are refused") {
  std::string message;
  CHECK(failure_of(
            [] {
              decode_relative({3, {2}, {0}}, 4, "a.octet");
            },
            &message) == Failure::data);
  CHECK(message.starts_with("a.octet: "));
  CHECK(failure_of([] { decode_relative({3, {8}, {1}}, 9, "test"); }) == Failure::data);
  CHECK(decode_relative({3, {7}, {0}}, 9, "test") == Nonzeros{9, {}, {}});
}

}  // namespace
}  // namespace octet

#include "quant/compression/range_coder.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/quant/compression/helpers.h"

namespace octet {
namespace {

using compression_test::Draw;

struct Bit {
  bool value;
  Probability one;
};

// Probabilities of all sizes; each bit is what its probability makes it.
std::vector<Bit> random_bits(std::uint64_t seed, std::size_t count) {
  Draw draw(seed);
  std::vector<Bit> bits;
  for (std::size_t i = 0; i < count; ++i) {
    Probability one = 1 + draw.below(probability_one - 1);
    if (draw.below(3) == 0) one = 1 + draw.below(50);
    if (draw.below(3) == 0) one = probability_one - 1 - draw.below(50);
    bits.push_back({draw.below(probability_one) < one, one});
  }
  return bits;
}

Bytes encoded(const std::vector<Bit>& bits) {
  Bytes bytes{1, 0, 2, 0};  // what was there stays, zeros too
  BinaryEncoder encoder(bytes);
  for (const Bit& bit : bits) encoder.put(bit.value, bit.one);
  encoder.finish();
  REQUIRE(bytes.size() >= 4);
  CHECK(bytes[3] == 0);
  bytes.erase(bytes.begin(), bytes.begin() + 4);
  return bytes;
}

TEST_CASE("range coder: bits come back, at the price of their probabilities") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    const std::vector<Bit> bits = random_bits(seed, seed < 100 ? seed : 2000);
    const Bytes bytes = encoded(bits);
    BinaryDecoder decoder(bytes.data(), bytes.size());
    double cost = 0;
    bool same = true;
    for (const Bit& bit : bits) {
      same = same && decoder.get(bit.one) == bit.value;
      cost -= std::log2((bit.value ? bit.one : probability_one - bit.one) / 65536.0);
    }
    CHECK(same);
    CHECK(decoder.is_finished());
    CHECK(static_cast<double>(bytes.size()) <= cost / 8 * 1.001 + 2);
  }
}

TEST_CASE("range coder: the least likely bits, and carries through many bytes") {
  for (const bool value : {false, true}) {
    std::vector<Bit> bits;
    for (int i = 0; i < 3000; ++i)
      bits.push_back({value, i % 7 == 0 ? (value ? 1u : probability_one - 1) : 32768u});
    const Bytes bytes = encoded(bits);
    BinaryDecoder decoder(bytes.data(), bytes.size());
    bool same = true;
    for (const Bit& bit : bits) same = same && decoder.get(bit.one) == bit.value;
    CHECK(same);
    CHECK(decoder.is_finished());
  }
}

TEST_CASE("range coder: nothing costs nothing; bytes too many are seen") {
  CHECK(encoded({}).empty());
  BinaryDecoder none(nullptr, 0);
  CHECK(none.is_finished());
  CHECK(none.get(32768) == true);  // zeros are all there is
  const std::vector<Bit> bits = random_bits(1, 500);
  for (const std::uint8_t extra : {0, 1}) {
    Bytes bytes = encoded(bits);
    for (int i = 0; i < 5; ++i) bytes.push_back(extra);
    BinaryDecoder decoder(bytes.data(), bytes.size());
    for (const Bit& bit : bits) decoder.get(bit.one);
    CHECK_FALSE(decoder.is_finished());
  }
}

}  // namespace
}  // namespace octet

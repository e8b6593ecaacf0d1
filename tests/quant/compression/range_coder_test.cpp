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

TEST_CASE("range coder: the number of bytes bounds the number of bits") {
  // Ones move nothing but the range, and all that is written is zeros: they must stay.
  std::vector<Bit> ones;
  for (int i = 0; i < 100000; ++i) ones.push_back({true, probability_one - 178});
  const Bytes bytes = encoded(ones);
  CHECK(2048 * (bytes.size() + 1) >= ones.size());
  BinaryDecoder decoder(bytes.data(), bytes.size());
  for (const Bit& bit : ones) CHECK(decoder.get(bit.one));
  CHECK(decoder.is_finished());
}

TEST_CASE("range coder: nothing costs nothing; bytes too many or too few are seen") {
  CHECK(encoded({}).empty());
  BinaryDecoder none(nullptr, 0);
  CHECK(none.is_finished());
  CHECK(none.get(32768) == true);  // zeros are all there is
  const std::vector<Bit> bits = random_bits(1, 500);
  const Bytes whole = encoded(bits);
  const auto is_finished = [&](const Bytes& bytes) {
    BinaryDecoder decoder(bytes.data(), bytes.size());
    for (const Bit& bit : bits) decoder.get(bit.one);
    return decoder.is_finished();
  };
  CHECK(is_finished(whole));
  for (const int extra : {0, 1}) {
    Bytes bytes = whole;
    for (int i = 0; i < 5; ++i) bytes.push_back(static_cast<std::uint8_t>(extra));
    CHECK_FALSE(is_finished(bytes));
  }
  CHECK_FALSE(is_finished({whole.begin(), whole.end() - 10}));
}

}  // namespace
}  // namespace octet

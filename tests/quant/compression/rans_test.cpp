#include "quant/compression/rans.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include <algorithm>

#include "quant/compression/code_lengths.h"
#include "tests/quant/compression/helpers.h"

namespace octet {
namespace {
using namespace compression_test;

struct Source {
  std::vector<std::uint16_t> symbols;
  std::vector<std::uint64_t> counts;
};

// Small symbols more often, the more so with a larger skew.
Source random_source(std::uint64_t seed, std::size_t size, std::uint32_t alphabet, int skew) {
  Draw draw(seed);
  Source source{{}, std::vector<std::uint64_t>(alphabet)};
  for (std::size_t i = 0; i < size; ++i) {
    std::uint32_t symbol = draw.below(alphabet);
    for (int s = 0; s < skew; ++s) symbol = std::min(symbol, draw.below(alphabet));
    source.symbols.push_back(static_cast<std::uint16_t>(symbol));
    ++source.counts[symbol];
  }
  return source;
}

template <int states>
Bytes coded(const Source& source, const FrequencyTable& table) {
  const RansSymbols symbols(table);
  RansEncoder<states> encoder;
  for (std::size_t i = source.symbols.size(); i-- > 0;)
    encoder.put(static_cast<int>(i % states), symbols, source.symbols[i]);
  return encoder.finish();
}

template <int states>
bool is_decoded(const Bytes& bytes, const Source& source, const FrequencyTable& table) {
  const RansSlots slots(table);
  RansDecoder<states> decoder(bytes.data(), bytes.size(), "test");
  bool same = true;
  for (std::size_t i = 0; i < source.symbols.size(); ++i) {
    const int state = static_cast<int>(i % states);
    const std::uint16_t symbol =
        decoder.is_safe(1) ? decoder.get(state, slots) : decoder.get_at_end(state, slots);
    same = same && symbol == source.symbols[i];
  }
  return same && decoder.is_finished();
}

TEST_CASE("rANS: what is encoded is decoded, by one state or four, and nothing is left") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Draw draw(seed);
    const Source source = random_source(seed, draw.below(3000), 1 + draw.below(seed % 2 ? 4097 : 9),
                                        static_cast<int>(draw.below(8)));
    if (source.symbols.empty()) continue;
    for (const FrequencyTable& table :
         {choose_table(source.counts), make_table(source.counts, 14, 15)}) {
      CHECK(is_decoded<1>(coded<1>(source, table), source, table));
      CHECK(is_decoded<4>(coded<4>(source, table), source, table));
    }
  }
}

TEST_CASE("rANS: nothing, one symbol for ever, and one that comes nearly always") {
  const FrequencyTable lone = choose_table({0, 100000});
  const Source same{std::vector<std::uint16_t>(100000, 1), {0, 100000}};
  CHECK(coded<4>(same, lone).size() == 16);
  CHECK(is_decoded<4>(coded<4>(same, lone), same, lone));
  CHECK(is_decoded<4>(coded<4>({}, lone), {}, lone));
  Source nearly{std::vector<std::uint16_t>(100000, 0), {99990, 10}};
  for (std::size_t i = 0; i < 10; ++i) nearly.symbols[i * i * 700] = 1;
  const FrequencyTable table = choose_table(nearly.counts);
  CHECK(coded<1>(nearly, table).size() < 40);
  CHECK(is_decoded<1>(coded<1>(nearly, table), nearly, table));
}

TEST_CASE("rANS: within half a percent of the entropy") {
  for (const std::uint32_t alphabet : {2u, 31u, 256u, 4097u})
    for (const int skew : {0, 2, 12}) {
      const Source source = random_source(alphabet, 200000, alphabet, skew);
      const double entropy = entropy_bits(source.counts) / 8;
      const Bytes bytes = coded<4>(source, choose_table(source.counts));
      CAPTURE(alphabet);
      CAPTURE(skew);
      CHECK(static_cast<double>(bytes.size()) < 1.005 * entropy + 16);
      CHECK(static_cast<double>(bytes.size()) > 0.999 * entropy);
    }
}

// A change here is a change of the file format, and asks for another version of it.
TEST_CASE("rANS: the bytes are the same on every machine") {
  const Source source = random_source(1, 5000, 100, 3);
  const Bytes bytes = coded<4>(source, make_table(source.counts, 12, 4));
  CHECK(crc32_z(0, bytes.data(), bytes.size()) == 1458097626u);
}

TEST_CASE("rANS: streams that are cut, lengthened, odd or begin too low are refused") {
  const Source source = random_source(2, 500, 20, 1);
  const FrequencyTable table = choose_table(source.counts);
  const Bytes whole = coded<4>(source, table);
  const auto survives = [&](const Bytes& bytes) {
    bool finished = false;
    const auto failure = failure_of([&] { finished = is_decoded<4>(bytes, source, table); });
    CHECK((!failure || failure == Failure::data));
    return finished;
  };
  REQUIRE(survives(whole));
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK(!survives(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))));
  Bytes longer = whole;
  longer.push_back(0);
  CHECK(!survives(longer));
  longer.push_back(0);
  CHECK(!survives(longer));
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      Bytes changed = whole;
      changed[at] = static_cast<std::uint8_t>(changed[at] ^ (1 << bit));
      CHECK(!survives(changed));
    }
  Bytes low = whole;
  std::fill_n(low.begin(), 4, std::uint8_t{0});
  CHECK(!survives(low));
}

}  // namespace
}  // namespace octet

#include "quant/compression/codebook_values.h"

#include <doctest/doctest.h>

#include <bit>
#include <limits>

#include "tests/quant/compression/helpers.h"

namespace octet {
namespace {
using namespace compression_test;

std::vector<std::uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<std::uint32_t> bits;
  for (const float value : values) bits.push_back(std::bit_cast<std::uint32_t>(value));
  return bits;
}

Bytes coded(const std::vector<std::uint32_t>& values) {
  Bytes bytes;
  put_values(bytes, values);
  return bytes;
}

// The form and the bytes, after a check that they come back.
std::pair<int, std::size_t> form_and_size(const std::vector<std::uint32_t>& values) {
  const Bytes bytes = coded(values);
  ByteReader reader(bytes.data(), bytes.size(), "test");
  CHECK(get_values(reader, values.size()) == values);
  CHECK(reader.left() == 0);
  return {bytes.empty() ? -1 : bytes[0], bytes.size()};
}

using Pair = std::pair<int, std::size_t>;

TEST_CASE("codebook values: the form of fewest bytes, and nothing for nothing") {
  CHECK(form_and_size({}) == Pair{-1, 0});
  CHECK(form_and_size(bits_of({2.0f})) == Pair{1, 2});  // 0x40000000
  CHECK(form_and_size(bits_of({2.0f, -3.5f})) == Pair{2, 5});
  CHECK(form_and_size({0x3f800100u, 0xbf123400u}) == Pair{3, 7});
  CHECK(form_and_size({0x3f800101u, 0xbf123400u}) == Pair{4, 9});
  std::vector<float> rising;
  for (int i = 1; i <= 127; ++i) rising.push_back(static_cast<float>(i));
  CHECK(form_and_size(bits_of(rising)) == Pair{0, 1 + 4 + 127});
  rising.push_back(128);
  CHECK(form_and_size(bits_of(rising)) == Pair{2, 1 + 2 * 128});
}

TEST_CASE("codebook values: codes of 8 bits are found under any scale, whatever the smallest is") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Draw draw(seed);
    // Few enough bits for all products to be exact, as the scales of formats are.
    const float scale = static_cast<float>(1 + draw.below(1u << 16)) * 0x1p-24f;
    std::vector<float> values;
    for (std::uint32_t i = 5 + draw.below(30); i > 0; --i) {
      const auto code = static_cast<float>(1 + draw.below(127));
      values.push_back(draw.below(2) ? code * scale : -code * scale);
    }
    const auto [form, size] = form_and_size(bits_of(values));
    CHECK(size <= 1 + 4 + values.size());
    CHECK(form < 4);
  }
}

TEST_CASE("codebook values: any bits that are not all zero come back") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Draw draw(seed);
    std::vector<std::uint32_t> values;
    for (std::uint32_t i = draw.below(40); i > 0; --i)
      values.push_back((draw.below(0xffffffffu) + 1) << (seed % 4 * 8) | 0x80000000u);
    form_and_size(values);
  }
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<std::vector<float>> odd{{-0.0f},
                                            {-0.0f, -0.0f, -0.0f, -0.0f},
                                            {nan, -nan, 1, 2, 3, 4, 5, 6},
                                            {infinity, -infinity, infinity, infinity, infinity},
                                            {1e-42f, 2e-42f, 3e-42f, 4e-42f, 5e-42f, 6e-42f},
                                            {1e38f, 3e38f, -2e38f, 1.5e38f, 0.5e38f}};
  for (const std::vector<float>& values : odd) form_and_size(bits_of(values));
}

TEST_CASE("codebook values: zeros, scales that are none, unknown forms and cuts are refused") {
  const auto failure = [](const Bytes& bytes, std::size_t count) {
    ByteReader reader(bytes.data(), bytes.size(), "test");
    return failure_of([&] { get_values(reader, count); });
  };
  CHECK(!failure({1, 0x40}, 1));
  CHECK(failure({1, 0}, 1) == Failure::data);
  CHECK(failure({2, 0x40}, 1) == Failure::data);
  CHECK(failure({5, 1, 2, 3, 4, 5}, 1) == Failure::data);
  CHECK(!failure({0, 0, 0, 0x80, 0x3f, 7}, 1));
  CHECK(failure({0, 0, 0, 0x80, 0x3f, 0}, 1) == Failure::data);
  CHECK(failure({0, 0, 0, 0x80, 0xbf, 7}, 1) == Failure::data);  // -1
  CHECK(failure({0, 0, 0, 0x80, 0x7f, 7}, 1) == Failure::data);  // infinity
  CHECK(failure({0, 1, 0, 0, 0, 7}, 1) == Failure::data);        // a denormal
  CHECK(failure({0, 0, 0, 0x80, 0x3f, 7}, 4096) == Failure::data);
  CHECK(failure({}, 1) == Failure::data);
  CHECK(!failure({}, 0));
}

TEST_CASE("codebook values: the bytes") {
  CHECK(coded(bits_of({2.0f, -3.5f})) == Bytes{2, 0x00, 0x40, 0x60, 0xc0});
  CHECK(coded(bits_of({1.5f, -3, 6, 7.5f, -9, 10.5f})) ==
        Bytes{0, 0x00, 0x00, 0xc0, 0x3f, 1, 0xfe, 4, 5, 0xfa, 7});
}

}  // namespace
}  // namespace octet

#include "quant/compression/rans_coding.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include <algorithm>

#include "framework/parallel.h"
#include "tests/quant/compression/random_models.h"

namespace octet {
namespace {
using namespace compression_test;

constexpr std::int64_t block = 1 << 18;

CodedTensor coded(const Tensor& tensor, std::optional<int> index_bits = std::nullopt) {
  auto distinct = find_distinct(tensor);
  REQUIRE(distinct);
  return encode_rans("w", tensor.shape(), std::move(*distinct), index_bits);
}

Tensor decoded(const Bytes& bytes, const Shape& shape, TensorReport* report = nullptr) {
  ByteReader reader(bytes.data(), bytes.size(), "test");
  Tensor tensor = decode_rans(reader, "w", shape, report);
  CHECK(reader.left() == 0);
  return tensor;
}

std::optional<Failure> failure(const Bytes& bytes, const Shape& shape) {
  ByteReader reader(bytes.data(), bytes.size(), "test");
  return failure_of([&] {
    decode_rans(reader, "w", shape, nullptr);
    check(reader.left() == 0, Failure::data, "bytes left");
  });
}

void check_lossless(const Tensor& tensor, std::optional<int> index_bits = std::nullopt) {
  const CodedTensor coding = coded(tensor, index_bits);
  TensorReport report;
  CHECK(same_bits(decoded(coding.bytes, tensor.shape(), &report), tensor));
  CHECK(report == coding.report);
  CHECK(report.coding == Coding::rans);
  CHECK(report.payload_bytes == static_cast<std::int64_t>(coding.bytes.size()));
  CHECK(report.payload_bytes == report.codebook_bytes + report.table_bytes +
                                    report.weight_stream_bytes + report.index_stream_bytes);
  CHECK(report.table_bytes > 0);
  CHECK(report.nonzeros ==
        tensor.elements() - std::count(tensor.floats(), tensor.floats() + tensor.elements(), 0.0f));
}

TEST_CASE("rANS coding: tensors of every kind come back to the bit, with one report") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Draw draw(seed);
    const float density = seed % 4 == 0 ? 0.9f : seed % 4 == 1 ? 0.004f : 0.08f;
    const Shape shape{1 + draw.below(seed % 3 == 0 ? 40 : 20000)};
    const Tensor tensor = clustered(draw, shape, 1 + draw.below(100), density);
    check_lossless(tensor);
    check_lossless(tensor, 1 + static_cast<int>(seed % 8));
  }
}

TEST_CASE("rANS coding: zeros, constants, huge gaps and as many values as there may be") {
  for (const std::int64_t size : {std::int64_t{1}, block - 1, block, block + 1, 4 * block})
    for (const float value : {0.0f, 3.0f, -0.37f}) check_lossless(filled(Shape{size}, value));
  Tensor gaps = filled(Shape{3 * block + 5}, 0);
  for (const std::int64_t at : {std::int64_t{0}, block - 1, block, 3 * block - 1, 3 * block + 4})
    gaps.floats()[at] = static_cast<float>(at + 1);
  for (int bits = 1; bits <= 8; ++bits) check_lossless(gaps, bits);
  Tensor many({100, 200});
  for (std::int64_t i = 0; i < many.elements(); ++i)
    many.floats()[i] = static_cast<float>(i % 4097) * 1.0001f;
  check_lossless(many);
}

TEST_CASE("rANS coding: blocks of their own, the same bytes and elements with one thread") {
  const int before = threads();
  Draw draw(5);
  const Tensor tensor = clustered(draw, Shape{5, block - 77}, 31, 0.05f);
  set_threads(1);
  const CodedTensor alone = coded(tensor);
  CHECK(same_bits(decoded(alone.bytes, tensor.shape()), tensor));
  set_threads(3);
  const CodedTensor together = coded(tensor);
  TensorReport report;
  CHECK(same_bits(decoded(alone.bytes, tensor.shape(), &report), tensor));
  set_threads(before);
  CHECK(together.bytes == alone.bytes);
  CHECK(together.report == alone.report);
  CHECK(report == alone.report);
}

TEST_CASE("rANS coding: close to the entropy, large and small") {
  for (const float density : {0.01f, 0.05f, 0.3f, 1.0f}) {
    Draw draw(7);
    const TensorReport large = coded(clustered(draw, Shape{1 << 20}, 31, density)).report;
    CAPTURE(density);
    CHECK(static_cast<double>(large.payload_bytes) <
          1.01 * static_cast<double>(large.entropy_bytes) + 200);
    const TensorReport small = coded(clustered(draw, Shape{500}, 7, density)).report;
    CHECK(small.payload_bytes <
          small.entropy_bytes + static_cast<std::int64_t>(small.codebook_bytes) + 40);
  }
}

// A change here is a change of the file format, and asks for another version of it.
TEST_CASE("rANS coding: the bytes are the same on every machine") {
  CHECK(coded(filled(Shape{5000}, 0)).bytes == Bytes{0, 1, 0, 0, 0});
  const auto checksum = [](const Shape& shape, std::uint32_t clusters, float density) {
    Draw draw(5);
    const Bytes bytes = coded(clustered(draw, shape, clusters, density)).bytes;
    return crc32_z(0, bytes.data(), bytes.size());
  };
  CHECK(checksum(Shape{30, 3, 3, 16}, 20, 0.1f) == 476618453u);
  CHECK(checksum(Shape{800, 400}, 31, 0.06f) == 3513062605u);
}

TEST_CASE("rANS coding: a few bytes claim no more than they may") {
  // Zeros cost nothing, and a constant as little; bytes of zeros stand for what they should.
  for (const float value : {0.0f, 1.0f}) {
    const Bytes bytes = coded(filled(Shape{1 << 22}, value)).bytes;
    CHECK(bytes.size() >= (1 << 22) / 2048);
    CHECK(bytes.size() < (1 << 22) / 2048 + 400);
    CHECK(failure(Bytes(bytes.begin(), bytes.end() - 1), Shape{1 << 22}) == Failure::data);
    Bytes other = bytes;
    other.back() = 1;
    CHECK(failure(other, Shape{1 << 22}) == Failure::data);
    CHECK(failure(bytes, Shape{(1 << 22) + 2048}) == Failure::data);
    CHECK(failure(bytes, Shape{std::int64_t{1} << 39}) == Failure::data);
  }
}

TEST_CASE("rANS coding: widths, zeros and sizes that are wrong are refused") {
  Tensor tensor = filled(Shape{600}, 2);
  for (std::int64_t i = 0; i < 600; i += 7) tensor.floats()[i] = 0;
  const Bytes bytes = coded(tensor).bytes;
  REQUIRE(bytes[0] == 1);  // cluster
  REQUIRE(bytes[1] == 1);  // byte a value
  CHECK(!failure(bytes, tensor.shape()));
  CHECK(failure(bytes, Shape{500}) == Failure::data);  // its entries reach further
  const auto changed = [&](std::size_t at, int to) {
    Bytes other = bytes;
    other[at] = static_cast<std::uint8_t>(to);
    return failure(other, tensor.shape());
  };
  CHECK(changed(2, 0) == Failure::data);  // the value
  for (const int bits : {0, 9, 255}) CHECK(changed(3, bits) == Failure::data);
  CHECK(changed(4, 0) == Failure::data);             // entries
  CHECK(changed(4, bytes[4] ^ 1) == Failure::data);  // one more or less
  CHECK(changed(6, bytes[6] ^ 2) == Failure::data);  // bytes of the stream
}

TEST_CASE("rANS coding: cut or changed bytes are refused or decode to something") {
  Draw draw(6);
  const Tensor tensor = clustered(draw, Shape{90, 100}, 12, 0.2f);
  const Bytes whole = coded(tensor).bytes;
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK(failure(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)),
                  tensor.shape()) == Failure::data);
  int refused = 0;
  for (int round = 0; round < 4000; ++round) {
    Bytes bytes = whole;
    bytes[draw.below(static_cast<std::uint32_t>(bytes.size()))] ^=
        static_cast<std::uint8_t>(1u << draw.below(8));
    const auto failed = failure(bytes, tensor.shape());
    CHECK((!failed || failed == Failure::data));
    refused += failed.has_value();
  }
  // Among equally frequent symbols one may stand for another, as in the codebook.
  CHECK(refused > 3000);
}

TEST_CASE("rANS coding: damage in one of several blocks is told, whoever decodes it") {
  const int before = threads();
  set_threads(3);
  Draw draw(9);
  const Tensor tensor = clustered(draw, Shape{2, block + 1000}, 12, 0.01f);
  const Bytes whole = coded(tensor).bytes;
  REQUIRE(!failure(whole, tensor.shape()));
  int refused = 0;
  for (int round = 0; round < 150; ++round) {
    Bytes bytes = whole;
    // Half of them where the block table and the frequencies stand.
    const auto size = static_cast<std::uint32_t>(bytes.size());
    bytes[draw.below(round % 2 ? size : 100)] ^= static_cast<std::uint8_t>(1u << draw.below(8));
    const auto failed = failure(bytes, tensor.shape());
    CHECK((!failed || failed == Failure::data));
    refused += failed.has_value();
  }
  set_threads(before);
  CHECK(refused > 75);
}

}  // namespace
}  // namespace octet

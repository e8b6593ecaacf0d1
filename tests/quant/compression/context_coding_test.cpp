#include "quant/compression/context_coding.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include <algorithm>
#include <limits>

#include "tests/quant/compression/random_models.h"

namespace octet {
namespace {

using namespace compression_test;

CodedTensor coded(const Tensor& tensor) {
  const auto distinct = find_distinct(tensor);
  REQUIRE(distinct);
  return encode_contexts("w", tensor.shape(), *distinct);
}

Tensor decoded(const Bytes& bytes, const Shape& shape, TensorReport* report = nullptr) {
  ByteReader reader(bytes.data(), bytes.size(), "test");
  Tensor tensor = decode_contexts(reader, "w", shape, report);
  CHECK(reader.left() == 0);
  return tensor;
}

TEST_CASE("context coding: tensors of every kind come back to the bit, with one report") {
  Draw draw(1);
  int cases = 0;
  for (const Shape& shape :
       {Shape{1}, Shape{700}, Shape{1, 300}, Shape{300, 1}, Shape{20, 5, 5, 1}, Shape{50, 5, 5, 20},
        Shape{16, 1, 1, 64}, Shape{7, 3, 9}, Shape{9, 3, 3, 31}, Shape{9, 3, 3, 32},
        Shape{9, 3, 3, 33}, Shape{6, 2, 5, 3, 4}})
    for (const std::uint32_t clusters : {1u, 2u, 3u, 31u, 300u})
      for (const float density : {0.003f, 0.1f, 0.7f, 1.0f}) {
        CAPTURE(print(shape));
        CAPTURE(clusters);
        CAPTURE(density);
        Tensor tensor = clustered(draw, shape, clusters, density);
        if (!find_distinct(tensor)) continue;
        ++cases;
        const CodedTensor coding = coded(tensor);
        TensorReport report;
        CHECK(same_bits(decoded(coding.bytes, shape, &report), tensor));
        CHECK(report == coding.report);
        CHECK(report.coding == Coding::contexts);
        CHECK(report.payload_bytes == static_cast<std::int64_t>(coding.bytes.size()));
        CHECK(report.payload_bytes == report.codebook_bytes + report.table_bytes +
                                          report.weight_stream_bytes + report.index_stream_bytes);
        CHECK(report.nonzeros ==
              tensor.elements() -
                  std::count(tensor.floats(), tensor.floats() + tensor.elements(), 0.0f));
      }
  CHECK(cases > 200);
}

TEST_CASE("context coding: long runs of what is expected are still borne out by bytes") {
  Tensor tail({1 << 20});  // both signs, then the last value of its sign for ever
  for (std::int64_t i = 0; i < tail.elements(); ++i)
    tail.floats()[i] = i < 100 && i % 3 == 0 ? -1.0f : 1.0f;
  for (const Tensor& tensor : {filled(Shape{1 << 20}, 3), filled(Shape{1 << 20}, 0),
                               filled(Shape{1 << 10, 1 << 10}, -2), tail}) {
    const Bytes bytes = coded(tensor).bytes;
    CHECK(bytes.size() < 10000);
    CHECK(same_bits(decoded(bytes, tensor.shape()), tensor));
  }
}

TEST_CASE("context coding: values of one sign, and as many as there may be") {
  Draw draw(7);
  Tensor negative({60, 50}), many({200, 100});
  for (std::int64_t i = 0; i < negative.elements(); ++i)
    negative.floats()[i] = -static_cast<float>(draw.below(9));
  for (std::int64_t i = 0; i < many.elements(); ++i)
    many.floats()[i] = static_cast<float>(i % 4096) - 2047.5f;
  for (const Tensor& tensor : {negative, many})
    CHECK(same_bits(decoded(coded(tensor).bytes, tensor.shape()), tensor));
}

TEST_CASE("context coding: values are kept by their bits") {
  Tensor tensor({40, 4});
  tensor.fill_zero();
  const float odd[] = {-0.0f,
                       std::numeric_limits<float>::quiet_NaN(),
                       -std::numeric_limits<float>::quiet_NaN(),
                       std::numeric_limits<float>::infinity(),
                       -std::numeric_limits<float>::infinity(),
                       1e-42f,
                       -1e-42f,
                       3.5f};
  for (int i = 0; i < 8; ++i) tensor.floats()[i * 17] = odd[i];
  CHECK(same_bits(decoded(coded(tensor).bytes, tensor.shape()), tensor));
}

TEST_CASE("context coding: values of few bits take few bytes") {
  Tensor tensor({100, 10});
  Draw draw(3);
  for (int i = 0; i < 1000; ++i) tensor.floats()[i] = static_cast<float>(1 + draw.below(40));
  CHECK(coded(tensor).report.codebook_bytes == 1 + 4 + 40);  // codes of 8 bits and their scale
  for (int i = 0; i < 1000; ++i) tensor.floats()[i] = 1.0f / tensor.floats()[i];
  const Tensor kept = decoded(coded(tensor).bytes, tensor.shape());
  CHECK(same_bits(kept, tensor));
  CHECK(coded(tensor).report.codebook_bytes == 1 + 4 * 40);
}

TEST_CASE("context coding: close to the entropy without structure, below it with") {
  Draw draw(4);
  Tensor noise({200, 500}), columns({200, 500});
  for (std::int64_t i = 0; i < noise.elements(); ++i) {
    const float value = static_cast<float>(draw.below(16)) - 8.5f;
    noise.floats()[i] = draw.real() < 0.05f ? value : 0.0f;
    // The same number of weights, all in a fifth of the columns.
    columns.floats()[i] = i % 5 == 0 && draw.real() < 0.25f ? value : 0.0f;
  }
  const TensorReport plain = coded(noise).report, ordered = coded(columns).report;
  CHECK(static_cast<double>(plain.payload_bytes - plain.codebook_bytes) <
        1.02 * static_cast<double>(plain.entropy_bytes));
  CHECK(static_cast<double>(ordered.payload_bytes) <
        0.9 * static_cast<double>(ordered.entropy_bytes));
}

// A change here is a change of the file format, and asks for another version of it.
TEST_CASE("context coding: the bytes are the same on every machine") {
  Draw draw(5);
  const auto checksum = [&](const Shape& shape, std::uint32_t clusters, float density) {
    const Bytes bytes = coded(clustered(draw, shape, clusters, density)).bytes;
    return crc32_z(0, bytes.data(), bytes.size());
  };
  CHECK(checksum(Shape{30, 3, 3, 16}, 20, 0.1f) == 14692510u);
  CHECK(checksum(Shape{100, 400}, 31, 0.06f) == 3834283210u);
}

TEST_CASE("context coding: a stream that is cut, its size too, is refused") {
  Draw draw(8);
  const Tensor tensor = clustered(draw, Shape{40, 50}, 12, 0.2f);
  const CodedTensor whole = coded(tensor);
  const std::int64_t stream = whole.report.weight_stream_bytes + whole.report.index_stream_bytes;
  const auto front = static_cast<std::ptrdiff_t>(whole.report.payload_bytes - stream - 2);
  REQUIRE(stream >= 128);  // its size has two bytes
  int refused = 0;
  for (std::int64_t size = 0; size < stream - 4; ++size) {
    Bytes bytes(whole.bytes.begin(), whole.bytes.begin() + front);
    put_varint(bytes, static_cast<std::uint64_t>(size));
    put_bytes(bytes, whole.bytes.data() + front + 2, static_cast<std::size_t>(size));
    refused += failure_of([&] {
                 ByteReader reader(bytes.data(), bytes.size(), "test");
                 decode_contexts(reader, "w", tensor.shape(), nullptr);
               }) == Failure::data;
  }
  // What zeros are taken for may end in time by chance, not often.
  CHECK(refused > (stream - 4) * 9 / 10);
}

TEST_CASE("context coding: cut or changed bytes are refused or decode to something") {
  Draw draw(6);
  const Tensor tensor = clustered(draw, Shape{20, 30}, 12, 0.2f);
  const Bytes whole = coded(tensor).bytes;
  int refused = 0;
  for (std::size_t size = 0; size < whole.size(); ++size)
    refused += failure_of([&] {
                 ByteReader reader(whole.data(), size, "test");
                 decode_contexts(reader, "w", tensor.shape(), nullptr);
               }) == Failure::data;
  CHECK(refused == static_cast<int>(whole.size()));
  for (int round = 0; round < 2000; ++round) {
    Bytes bytes = whole;
    bytes[draw.below(static_cast<std::uint32_t>(bytes.size()))] ^=
        static_cast<std::uint8_t>(1u << draw.below(8));
    const auto failure = failure_of([&] {
      ByteReader reader(bytes.data(), bytes.size(), "test");
      decode_contexts(reader, "w", tensor.shape(), nullptr);
    });
    CHECK((!failure || failure == Failure::data));
  }
}

}  // namespace
}  // namespace octet

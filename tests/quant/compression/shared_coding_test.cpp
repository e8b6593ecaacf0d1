#include "quant/compression/shared_coding.h"

#include <doctest/doctest.h>

#include "tests/quant/compression/random_models.h"

namespace octet {
namespace {
using namespace compression_test;

std::optional<CodedTensor> coded(const std::string& name, const Tensor& tensor,
                                 std::optional<int> index_bits) {
  auto distinct = find_distinct(tensor);
  if (!distinct) return std::nullopt;
  return encode_shared(name, tensor.shape(), std::move(*distinct), index_bits);
}

Tensor decoded(const CodedTensor& payload, const Shape& shape, TensorReport* report = nullptr) {
  ByteReader reader(payload.bytes.data(), payload.bytes.size(), "test");
  Tensor tensor = decode_shared(reader, payload.report.name, shape, report);
  CHECK(reader.left() == 0);
  return tensor;
}

TEST_CASE("shared coding: lossless at every width, with the same report on both sides") {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    Draw draw(seed);
    const Tensor tensor =
        clustered(draw, Shape{1 + draw.below(4000)}, 1 + draw.below(100), seed % 3 ? 0.05f : 0.9f);
    std::size_t best = ~std::size_t{0};
    for (int bits = 1; bits <= 8; ++bits) {
      const auto payload = coded("w", tensor, bits);
      if (!payload) continue;
      TensorReport report;
      REQUIRE(same_bits(decoded(*payload, tensor.shape(), &report), tensor));
      CHECK(report == payload->report);
      CHECK(report.payload_bytes == static_cast<std::int64_t>(payload->bytes.size()));
      best = std::min(best, payload->bytes.size());
    }
    if (const auto payload = coded("w", tensor, std::nullopt)) CHECK(payload->bytes.size() == best);
  }
}

TEST_CASE("shared coding: zeros, constants and single values") {
  // A long row of one symbol still costs a bit an entry, so that its length is borne out.
  const auto zeros = coded("w", filled(Shape{1 << 20}, 0), std::nullopt);
  REQUIRE(zeros);
  CHECK(zeros->report.entries == 1 << 12);
  CHECK(zeros->bytes.size() < 600);
  CHECK(zeros->bytes.size() >= (1 << 12) / 8);
  CHECK(same_bits(decoded(*zeros, Shape{1 << 20}), filled(Shape{1 << 20}, 0)));
  const auto constant = coded("w", filled(Shape{1000}, 3), std::nullopt);
  REQUIRE(constant);
  CHECK(constant->bytes.size() < 140);
  CHECK(same_bits(decoded(*constant, Shape{1000}), filled(Shape{1000}, 3)));
  const auto few = coded("w", filled(Shape{200}, 0), std::nullopt);
  REQUIRE(few);
  CHECK(few->bytes.size() == 3);
  CHECK(same_bits(decoded(*few, Shape{200}), filled(Shape{200}, 0)));
}

TEST_CASE("shared coding: the codebook stands in the order of use") {
  Tensor tensor(Shape{60});
  for (std::int64_t i = 0; i < 60; ++i)
    tensor.floats()[i] = i % 10 == 0 ? 0.0f : (i % 3 == 0 ? 7.0f : -7.0f);
  const auto payload = coded("w", tensor, 2);
  REQUIRE(payload);
  CHECK(payload->report.nonzeros == 54);
  CHECK(payload->report.clusters == 2);
  float first = 0;
  CHECK(payload->bytes[3] == 2);  // bytes a value: the top ones
  std::memcpy(reinterpret_cast<char*>(&first) + 2, payload->bytes.data() + 4, 2);
  CHECK(first == -7.0f);
}

TEST_CASE("shared coding: leaves to raw what it cannot hold") {
  Draw draw(2);
  CHECK(!coded("w", Tensor(), std::nullopt));
  CHECK(!coded("w", any_bits(draw, Shape{100}, Element::int32), std::nullopt));
  CHECK(!coded("w", any_bits(draw, Shape{300}, Element::float32), std::nullopt));
  Tensor many(Shape{20000});
  for (std::int64_t i = 0; i < 20000; ++i) many.floats()[i] = static_cast<float>(1 + i % 4097);
  CHECK(!coded("w", many, std::nullopt));
  for (std::int64_t i = 0; i < 20000; ++i) many.floats()[i] = static_cast<float>(i % 4097);
  CHECK(coded("w", many, std::nullopt));
}

TEST_CASE("shared coding: a zero in the codebook and wrong widths are refused") {
  auto payload = coded("w", filled(Shape{100}, 2), 3);
  REQUIRE(payload);
  const auto failure = [&](const Bytes& bytes, const Shape& shape) {
    ByteReader reader(bytes.data(), bytes.size(), "test");
    return failure_of([&] { decode_shared(reader, "w", shape, nullptr); });
  };
  CHECK(!failure(payload->bytes, Shape{100}));
  CHECK(failure(payload->bytes, Shape{108}) == Failure::data);
  CHECK(failure(payload->bytes, Shape{99}) == Failure::data);
  Bytes zero = payload->bytes;
  REQUIRE(zero[3] == 1);  // bytes a value
  zero[4] = 0;
  CHECK(failure(zero, Shape{100}) == Failure::data);
  for (const int bits : {0, 9, 255}) {
    Bytes wrong = payload->bytes;
    wrong[2] = static_cast<std::uint8_t>(bits);
    CHECK(failure(wrong, Shape{100}) == Failure::data);
  }
}

}  // namespace
}  // namespace octet

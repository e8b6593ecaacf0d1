#include "quant/compression/tensor_report.h"

#include <doctest/doctest.h>

#include "tests/quant/compression/random_models.h"

namespace octet {
namespace {
using namespace compression_test;

TEST_CASE("tensor report: a shared tensor, by hand") {
  // 2 fillers, 10 + 4 + 2 non-zeros in 3 clusters; gaps of 2 bits.
  const StreamCode weights{{2, 10, 4, 2}, {3, 1, 2, 3}};
  const StreamCode gaps{{8, 4, 2, 4}, {1, 2, 3, 3}};
  TensorReport report = report_shared("fc1.weight", Shape{5, 12}, 2, weights, gaps, 9, 40);
  CHECK(report.elements == 60);
  CHECK(report.entries == 18);
  CHECK(report.nonzeros == 16);
  CHECK(report.clusters == 3);
  CHECK(report.weight_bits == 2);
  CHECK(report.index_bits == 2);
  CHECK(report.coded_weight_bits == doctest::Approx((6 + 10 + 8 + 6) / 18.0));
  CHECK(report.coded_index_bits == doctest::Approx((8 + 8 + 6 + 12) / 18.0));
  CHECK(report.codebook_bytes == 9);
  CHECK(report.weight_stream_bytes == 4);
  CHECK(report.index_stream_bytes == 5);
  CHECK(report.table_bytes == 40 - 9 - 4 - 5);
  CHECK(report.payload_bytes == 40);
  CHECK(report.pruned_bytes == (18 * 34 + 7) / 8);
  CHECK(report.shared_bytes == (18 * 4 + 7) / 8 + 12);
  CHECK(report.entropy_bytes <= 9);
  CHECK(report.entropy_bytes >= 7);
  add_scaling(report, 9);
  CHECK(report.payload_bytes == 49);
  CHECK(report.table_bytes == 31);
}

TEST_CASE("tensor report: the one stream of rANS is split by what its bits cost") {
  const StreamCost weights{{2, 10, 4, 2}, 30}, gaps{{8, 4, 2, 4}, 10};
  const TensorReport report = report_rans("fc1.weight", Shape{5, 12}, 2, weights, gaps, {7, 8, 40});
  CHECK(report.coding == Coding::rans);
  CHECK(report.coded_weight_bits == doctest::Approx(30 / 18.0));
  CHECK(report.coded_index_bits == doctest::Approx(10 / 18.0));
  CHECK(report.codebook_bytes == 7);
  CHECK(report.weight_stream_bytes == 6);
  CHECK(report.index_stream_bytes == 2);
  CHECK(report.table_bytes == 40 - 7 - 8);
  CHECK(report.shared_bytes == (18 * 4 + 7) / 8 + 12);
  const TensorReport none = report_rans("w", Shape{5}, 1, {{0}, 0}, {{0, 0}, 0}, {0, 0, 4});
  CHECK(none.entries == 0);
  CHECK(none.entropy_bytes == 0);
  CHECK(none.table_bytes == 4);
}

TEST_CASE("tensor report: without fillers the clusters alone need bits") {
  const StreamCode gaps{{4, 4}, {1, 1}};
  const auto bits = [&](std::vector<std::uint64_t> counts) {
    return report_shared("w", Shape{8}, 1, {counts, code_lengths(counts)}, gaps, 8, 100)
        .weight_bits;
  };
  CHECK(bits({0, 8}) == 0);
  CHECK(bits({0, 4, 4}) == 1);
  CHECK(bits({1, 4, 3}) == 2);
  CHECK(bits({0, 2, 2, 2, 2}) == 2);
  CHECK(bits({1, 2, 2, 2, 1}) == 3);
}

TEST_CASE("tensor report: a raw tensor of each element type") {
  for (const Element element :
       {Element::float32, Element::bfloat16, Element::int8, Element::uint8, Element::int32}) {
    Tensor tensor(Shape{3, 5}, element);
    tensor.fill_zero();
    static_cast<std::uint8_t*>(tensor.raw())[size_of(element) * 7] = 1;
    const TensorReport report = report_raw("x", tensor);
    CHECK(report.coding == Coding::raw);
    CHECK(report.nonzeros == 1);
    CHECK(report.entries == 15);
    CHECK(report.weight_bits == static_cast<int>(8 * size_of(element)));
    CHECK(report.payload_bytes == static_cast<std::int64_t>(tensor.bytes()));
    CHECK(report.payload_bytes == report.weight_stream_bytes);
  }
  CHECK(report_raw("x", Tensor()).payload_bytes == 0);
  CHECK(print(Coding::raw) == "raw");
  CHECK(print(Coding::shared) == "shared");
  CHECK(print(Coding::contexts) == "contexts");
  CHECK(print(Coding::rans) == "rans");
}

}  // namespace
}  // namespace octet

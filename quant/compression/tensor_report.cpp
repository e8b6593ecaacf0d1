#include "quant/compression/tensor_report.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace octet {
namespace {

template <class T>
std::int64_t count_nonzeros(const Tensor& tensor) {
  const T* const values = tensor.data<T>();
  return tensor.elements() - std::count(values, values + tensor.elements(), T{});
}

std::int64_t count_nonzeros(const Tensor& tensor) {
  switch (tensor.element()) {
    case Element::float32:
      return count_nonzeros<float>(tensor);
    case Element::bfloat16:
      return count_nonzeros<std::uint16_t>(tensor);
    case Element::int8:
      return count_nonzeros<std::int8_t>(tensor);
    case Element::uint8:
      return count_nonzeros<std::uint8_t>(tensor);
    case Element::int32:
      return count_nonzeros<std::int32_t>(tensor);
  }
  return 0;
}

std::int64_t to_bytes(std::uint64_t bits) { return static_cast<std::int64_t>((bits + 7) / 8); }

double average(double bits, std::int64_t entries) {
  return entries > 0 ? bits / static_cast<double>(entries) : 0;
}

// One stream of weights and indices, split by what the bits of either cost.
void split_stream(TensorReport& report, std::int64_t bytes, double weight_bits, double index_bits) {
  const double bits = weight_bits + index_bits;
  const double share = bits > 0 ? static_cast<double>(bytes) * weight_bits / bits : 0;
  report.weight_stream_bytes = static_cast<std::int64_t>(share);
  report.index_stream_bytes = bytes - report.weight_stream_bytes;
}

// What does not depend on the code of the streams.
TensorReport report_entries(const std::string& name, const Shape& shape, int index_bits,
                            const std::vector<std::uint64_t>& weights,
                            const std::vector<std::uint64_t>& gaps) {
  TensorReport report;
  report.name = name;
  report.shape = shape;
  report.elements = shape.elements();
  const auto entries = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
  report.entries = static_cast<std::int64_t>(entries);
  report.nonzeros = static_cast<std::int64_t>(entries - weights[0]);
  report.clusters = static_cast<std::int64_t>(weights.size() - 1);

  const auto symbols = static_cast<std::uint64_t>(report.clusters) + (weights[0] > 0);
  report.weight_bits = symbols > 1 ? static_cast<int>(std::bit_width(symbols - 1)) : 0;
  report.index_bits = index_bits;
  const auto fixed = [&](int bits) { return to_bytes(entries * static_cast<unsigned>(bits)); };
  report.pruned_bytes = fixed(32 + index_bits);
  report.shared_bytes = fixed(report.weight_bits + index_bits) + 4 * report.clusters;
  report.entropy_bytes =
      static_cast<std::int64_t>(std::ceil((entropy_bits(weights) + entropy_bits(gaps)) / 8));
  return report;
}

}  // namespace

std::string_view print(Coding coding) {
  switch (coding) {
    case Coding::raw:
      return "raw";
    case Coding::shared:
      return "shared";
    case Coding::contexts:
      return "contexts";
    case Coding::rans:
      return "rans";
  }
  return "";
}

TensorReport report_raw(const std::string& name, const Tensor& tensor) {
  const auto bytes = static_cast<std::int64_t>(tensor.bytes());
  TensorReport report;
  report.name = name;
  report.shape = tensor.shape();
  report.elements = report.entries = tensor.elements();
  report.nonzeros = count_nonzeros(tensor);
  report.weight_bits = static_cast<int>(8 * size_of(tensor.element()));
  report.coded_weight_bits = report.weight_bits;
  report.weight_stream_bytes = report.payload_bytes = bytes;
  report.pruned_bytes = report.shared_bytes = report.entropy_bytes = bytes;
  return report;
}

void add_scaling(TensorReport& report, std::size_t bytes) {
  report.table_bytes += static_cast<std::int64_t>(bytes);
  report.payload_bytes += static_cast<std::int64_t>(bytes);
}

TensorReport report_shared(const std::string& name, const Shape& shape, int index_bits,
                           const StreamCode& weights, const StreamCode& gaps,
                           std::int64_t codebook_bytes, std::int64_t payload_bytes) {
  TensorReport report = report_entries(name, shape, index_bits, weights.counts, gaps.counts);
  report.coding = Coding::shared;
  const std::uint64_t weight_bits = coded_bits(weights.counts, weights.lengths);
  const std::uint64_t gap_bits = coded_bits(gaps.counts, gaps.lengths);
  report.coded_weight_bits = average(static_cast<double>(weight_bits), report.entries);
  report.coded_index_bits = average(static_cast<double>(gap_bits), report.entries);
  report.codebook_bytes = codebook_bytes;
  report.weight_stream_bytes = to_bytes(weight_bits);
  report.index_stream_bytes = to_bytes(gap_bits);
  report.payload_bytes = payload_bytes;
  report.table_bytes =
      payload_bytes - codebook_bytes - report.weight_stream_bytes - report.index_stream_bytes;
  return report;
}

TensorReport report_rans(const std::string& name, const Shape& shape, int index_bits,
                         const StreamCost& weights, const StreamCost& gaps,
                         const RansBytes& bytes) {
  TensorReport report = report_entries(name, shape, index_bits, weights.counts, gaps.counts);
  report.coding = Coding::rans;
  report.coded_weight_bits = average(weights.bits, report.entries);
  report.coded_index_bits = average(gaps.bits, report.entries);
  report.codebook_bytes = bytes.codebook;
  split_stream(report, bytes.streams, weights.bits, gaps.bits);
  report.payload_bytes = bytes.payload;
  report.table_bytes = bytes.payload - bytes.codebook - bytes.streams;
  return report;
}

TensorReport report_contexts(const std::string& name, const Shape& shape, const Nonzeros& nonzeros,
                             const std::vector<std::uint64_t>& counts, const ContextCosts& costs) {
  TensorReport report;
  report.name = name;
  report.shape = shape;
  report.coding = Coding::contexts;
  report.elements = shape.elements();
  report.nonzeros = report.entries = static_cast<std::int64_t>(nonzeros.positions.size());
  report.clusters = static_cast<std::int64_t>(counts.size());
  if (report.nonzeros > 0) {
    report.coded_weight_bits = costs.value_bits / static_cast<double>(report.nonzeros);
    report.coded_index_bits = costs.presence_bits / static_cast<double>(report.nonzeros);
  }
  report.codebook_bytes = costs.codebook_bytes;
  split_stream(report, costs.stream_bytes, costs.value_bits, costs.presence_bits);
  report.payload_bytes = costs.payload_bytes;
  report.table_bytes = costs.payload_bytes - costs.codebook_bytes - costs.stream_bytes;

  std::uint64_t least = 0;
  for (int index_bits = 1; index_bits <= 8; ++index_bits) {
    const std::uint64_t fillers = count_gaps(nonzeros, index_bits).fillers;
    const std::uint64_t entries = nonzeros.positions.size() + fillers;
    const std::uint64_t symbols = counts.size() + (fillers > 0);
    const int weight_bits = symbols > 1 ? static_cast<int>(std::bit_width(symbols - 1)) : 0;
    const std::uint64_t packed = entries * static_cast<unsigned>(weight_bits + index_bits);
    if (index_bits > 1 && packed >= least) continue;
    least = packed;
    report.weight_bits = weight_bits;
    report.index_bits = index_bits;
    report.pruned_bytes = to_bytes(entries * static_cast<unsigned>(32 + index_bits));
    report.shared_bytes = to_bytes(packed) + 4 * report.clusters;
  }
  const auto present = static_cast<std::uint64_t>(report.nonzeros);
  const auto absent = static_cast<std::uint64_t>(report.elements) - present;
  report.entropy_bytes = static_cast<std::int64_t>(
      std::ceil((entropy_bits({present, absent}) + entropy_bits(counts)) / 8));
  return report;
}

}  // namespace octet

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

double average(std::uint64_t bits, std::int64_t entries) {
  return entries > 0 ? static_cast<double>(bits) / static_cast<double>(entries) : 0;
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
                           std::int64_t payload_bytes) {
  TensorReport report;
  report.name = name;
  report.shape = shape;
  report.coding = Coding::shared;
  report.elements = shape.elements();
  const auto entries =
      std::accumulate(weights.counts.begin(), weights.counts.end(), std::uint64_t{0});
  report.entries = static_cast<std::int64_t>(entries);
  report.nonzeros = static_cast<std::int64_t>(entries - weights.counts[0]);
  report.clusters = static_cast<std::int64_t>(weights.counts.size() - 1);

  const auto symbols = static_cast<std::uint64_t>(report.clusters) + (weights.counts[0] > 0);
  report.weight_bits = symbols > 1 ? static_cast<int>(std::bit_width(symbols - 1)) : 0;
  report.index_bits = index_bits;
  const std::uint64_t weight_bits = coded_bits(weights.counts, weights.lengths);
  const std::uint64_t gap_bits = coded_bits(gaps.counts, gaps.lengths);
  report.coded_weight_bits = average(weight_bits, report.entries);
  report.coded_index_bits = average(gap_bits, report.entries);

  report.codebook_bytes = 4 * report.clusters;
  report.weight_stream_bytes = to_bytes(weight_bits);
  report.index_stream_bytes = to_bytes(gap_bits);
  report.payload_bytes = payload_bytes;
  report.table_bytes = payload_bytes - report.codebook_bytes - report.weight_stream_bytes -
                       report.index_stream_bytes;

  const auto fixed = [&](int bits) { return to_bytes(entries * static_cast<unsigned>(bits)); };
  report.pruned_bytes = fixed(32 + index_bits);
  report.shared_bytes = fixed(report.weight_bits + index_bits) + report.codebook_bytes;
  report.entropy_bytes = static_cast<std::int64_t>(
      std::ceil((entropy_bits(weights.counts) + entropy_bits(gaps.counts)) / 8));
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
  const double bits = costs.value_bits + costs.presence_bits;
  report.weight_stream_bytes =
      bits > 0 ? static_cast<std::int64_t>(static_cast<double>(costs.stream_bytes) *
                                           costs.value_bits / bits)
               : 0;
  report.index_stream_bytes = costs.stream_bytes - report.weight_stream_bytes;
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

// What a tensor costs in the file, stage by stage, in bytes really written and in the bounds beside
// them. Made by encode and, from the file alone, by decode.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "framework/tensor.h"
#include "quant/compression/code_lengths.h"

namespace octet {

/// How a tensor is written: as it lies, or as codebook, relative indices and Huffman codes.
enum class Coding : std::uint8_t { raw = 0, shared = 1 };

std::string_view print(Coding coding);

/// A raw tensor has an entry for each element, no indices and no clusters.
struct TensorReport {
  std::string name;
  Shape shape;
  Coding coding = Coding::raw;
  std::int64_t elements = 0;
  std::int64_t nonzeros = 0;
  std::int64_t entries = 0;  ///< non-zeros and fillers
  std::int64_t clusters = 0;

  int weight_bits = 0;  ///< a fixed number for each entry's symbol: ceil(log2(symbols in use))
  int index_bits = 0;   ///< and for its gap
  double huffman_weight_bits = 0;  ///< average over the entries
  double huffman_index_bits = 0;

  std::int64_t codebook_bytes = 0;
  std::int64_t table_bytes = 0;  ///< code lengths, numbers in front of the streams, scaling
  std::int64_t weight_stream_bytes = 0;
  std::int64_t index_stream_bytes = 0;
  std::int64_t payload_bytes = 0;  ///< the sum of the four above: all that the tensor takes

  std::int64_t pruned_bytes = 0;   ///< pruning alone: entries x (32 + index bits)
  std::int64_t shared_bytes = 0;   ///< and sharing: entries x (weight bits + index bits) + codebook
  std::int64_t entropy_bytes = 0;  ///< no code of single symbols makes the two streams smaller

  bool operator==(const TensorReport&) const = default;
};

TensorReport report_raw(const std::string& name, const Tensor& tensor);

/// Counts zero point and scales, `bytes` in all, as part of the tensor.
void add_scaling(TensorReport& report, std::size_t bytes);

/// How often each symbol stands in a stream, and the code for it.
struct StreamCode {
  std::vector<std::uint64_t> counts;
  CodeLengths lengths;
};

/// `weights` has the filler's symbol 0 in front of the clusters'.
TensorReport report_shared(const std::string& name, const Shape& shape, int index_bits,
                           const StreamCode& weights, const StreamCode& gaps,
                           std::int64_t payload_bytes);

}  // namespace octet

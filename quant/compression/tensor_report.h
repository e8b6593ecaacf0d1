// What a tensor costs in the file, stage by stage, in bytes really written and in the bounds beside
// them. Made by encode and, from the file alone, by decode.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "framework/tensor.h"
#include "quant/compression/code_lengths.h"
#include "quant/compression/relative_index.h"

namespace octet {

/// How a tensor is written: as it lies; as codebook, relative indices and Huffman codes; as
/// codebook and an arithmetic code under learnt contexts; or as codebook, relative indices and
/// rANS.
enum class Coding : std::uint8_t { raw = 0, shared = 1, contexts = 2, rans = 3 };

std::string_view print(Coding coding);

/// A raw tensor has an entry for each element, no indices and no clusters.
struct TensorReport {
  std::string name;
  Shape shape;
  Coding coding = Coding::raw;
  std::int64_t elements = 0;
  std::int64_t nonzeros = 0;
  std::int64_t entries = 0;  ///< non-zeros and fillers; contexts need no fillers
  std::int64_t clusters = 0;

  int weight_bits = 0;  ///< a fixed number for each entry's symbol: ceil(log2(symbols in use))
  int index_bits = 0;   ///< and for its gap; with contexts, which have none, what fits best
  double coded_weight_bits = 0;  ///< average over the entries, as written
  double coded_index_bits = 0;

  std::int64_t codebook_bytes = 0;
  std::int64_t table_bytes = 0;  ///< code lengths, numbers in front of the streams, scaling
  // The one stream of contexts, and of rANS, is split by what its bits cost.
  std::int64_t weight_stream_bytes = 0;
  std::int64_t index_stream_bytes = 0;
  std::int64_t payload_bytes = 0;  ///< the sum of the four above: all that the tensor takes

  // With fields of fixed width and the fillers that these need:
  std::int64_t pruned_bytes = 0;  ///< pruning alone: entries x (32 + index bits)
  std::int64_t shared_bytes = 0;  ///< and sharing: entries x (weight bits + index bits) + codebook
  /// What no code of single gaps and symbols goes below; with contexts, whose streams may, no code
  /// of single elements' presence and of single symbols.
  std::int64_t entropy_bytes = 0;

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
                           std::int64_t codebook_bytes, std::int64_t payload_bytes);

/// How often each symbol stands in the streams of a tensor, and the bits these symbols take.
struct StreamCost {
  std::vector<std::uint64_t> counts;
  double bits = 0;
};

struct RansBytes {
  std::int64_t codebook, streams, payload;
};

/// `weights` as in report_shared.
TensorReport report_rans(const std::string& name, const Shape& shape, int index_bits,
                         const StreamCost& weights, const StreamCost& gaps, const RansBytes& bytes);

struct ContextCosts {
  std::int64_t codebook_bytes, stream_bytes, payload_bytes;
  double presence_bits, value_bits;  ///< of the stream
};

/// `counts`: how often each value stands in the tensor.
TensorReport report_contexts(const std::string& name, const Shape& shape, const Nonzeros& nonzeros,
                             const std::vector<std::uint64_t>& counts, const ContextCosts& costs);

}  // namespace octet

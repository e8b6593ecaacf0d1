#include "quant/compression/shared_coding.h"

#include <algorithm>
#include <bit>

#include "framework/check.h"
#include "framework/parallel.h"
#include "quant/compression/codebook_values.h"
#include "quant/compression/huffman.h"
#include "quant/compression/relative_index.h"
#include "quant/compression/weight_sharing.h"

namespace octet {
namespace {

struct Plan {
  int index_bits = 0;
  StreamCode weights, gaps;
  Bytes front;  // everything before the streams
  std::size_t codebook_bytes = 0;
  std::size_t bytes = 0;
};

// `codebook`: the values as they are written; `symbol_counts`: no fillers yet.
Plan make_plan(const DistinctValues& distinct, const Bytes& codebook,
               const std::vector<std::uint64_t>& symbol_counts, int index_bits) {
  const Nonzeros& nonzeros = distinct.nonzeros;
  GapCounts counts = count_gaps(nonzeros, index_bits);
  Plan plan{index_bits, {symbol_counts, {}}, {std::move(counts.gaps), {}}, {}, codebook.size(), 0};
  plan.weights.counts[0] = counts.fillers;
  plan.weights.lengths = code_lengths(plan.weights.counts);
  plan.gaps.lengths = code_lengths(plan.gaps.counts);
  // A second word, never used: an entry that cost nothing would let a few bytes claim any size.
  if (is_lone(plan.weights.lengths) && is_lone(plan.gaps.lengths))
    plan.gaps.lengths[plan.gaps.lengths[0] > 0 ? 1 : 0] = 1;

  const std::uint64_t entries = nonzeros.positions.size() + counts.fillers;
  put_varint(plan.front, distinct.values.size());
  put_varint(plan.front, entries);
  plan.front.push_back(static_cast<std::uint8_t>(index_bits));
  put_bytes(plan.front, codebook.data(), codebook.size());
  if (entries > 0) {
    BitWriter bits(plan.front);
    put_lengths(bits, plan.weights.lengths);
    put_lengths(bits, plan.gaps.lengths);
    bits.finish();
  }
  for (const StreamCode* stream : {&plan.gaps, &plan.weights})
    plan.bytes += (coded_bits(stream->counts, stream->lengths) + 7) / 8;
  plan.bytes += plan.front.size();
  return plan;
}

template <class Symbols>
void put_stream(Bytes& bytes, const StreamCode& code, const Symbols& symbols) {
  const HuffmanEncoder encoder(code.lengths);
  BitWriter bits(bytes);
  for (const auto symbol : symbols) encoder.put(bits, symbol);
  bits.finish();
}

template <class Symbol>
std::vector<Symbol> get_stream(ByteReader& reader, const CodeLengths& lengths, std::size_t count) {
  const HuffmanDecoder decoder(lengths, reader.source());
  std::vector<Symbol> symbols(count);
  BitReader bits(reader.here(), reader.left(), reader.source());
  decoder.get(bits, symbols.data(), count);
  reader.take(bits.finish());
  return symbols;
}

template <class Symbols>
std::vector<std::uint64_t> count_symbols(const Symbols& symbols, std::size_t alphabet) {
  std::vector<std::uint64_t> counts(alphabet);
  for (const auto symbol : symbols) ++counts[symbol];
  return counts;
}

}  // namespace

CodedTensor encode_shared(const std::string& name, const Shape& shape, DistinctValues distinct,
                          std::optional<int> index_bits) {
  const std::vector<std::uint64_t> counts = order_by_count(distinct);
  Bytes codebook;
  put_values(codebook, distinct.values);
  Plan best;
  for (int bits = index_bits.value_or(1); bits <= index_bits.value_or(8); ++bits)
    if (Plan plan = make_plan(distinct, codebook, counts, bits);
        best.bytes == 0 || plan.bytes < best.bytes)
      best = std::move(plan);
  CodedTensor payload{std::move(best.front), {}};
  payload.bytes.reserve(best.bytes + 8);
  const RelativeIndex index = encode_relative(distinct.nonzeros, best.index_bits);
  if (!index.gaps.empty()) {
    put_stream(payload.bytes, best.gaps, index.gaps);
    put_stream(payload.bytes, best.weights, index.symbols);
  }
  assert(payload.bytes.size() == best.bytes);
  payload.report = report_shared(name, shape, best.index_bits, best.weights, best.gaps,
                                 static_cast<std::int64_t>(best.codebook_bytes),
                                 static_cast<std::int64_t>(best.bytes));
  return payload;
}

Tensor decode_shared(ByteReader& reader, const std::string& name, const Shape& shape,
                     TensorReport* report) {
  const std::string& source = reader.source();
  const std::size_t before = reader.left();
  const auto clusters = static_cast<std::size_t>(reader.varint(max_clusters, "clusters"));
  const auto entries =
      static_cast<std::size_t>(reader.varint(std::uint64_t{8} * reader.left(), "entries"));
  RelativeIndex index{reader.byte(), {}, {}};
  check(index.bits >= 1 && index.bits <= 8, Failure::data, source,
        ": expected 1 to 8 index bits, got ", index.bits);
  const std::size_t front = reader.left();
  const std::vector<std::uint32_t> codebook = get_values(reader, clusters);
  const std::size_t codebook_bytes = front - reader.left();

  const std::size_t gap_symbols = std::size_t{1} << index.bits;
  StreamCode weights{std::vector<std::uint64_t>(clusters + 1), CodeLengths(clusters + 1)};
  StreamCode gaps{std::vector<std::uint64_t>(gap_symbols), CodeLengths(gap_symbols)};
  if (entries > 0) {
    BitReader bits(reader.here(), reader.left(), source);
    weights.lengths = get_lengths(bits, clusters + 1, source);
    gaps.lengths = get_lengths(bits, gap_symbols, source);
    reader.take(bits.finish());
    check(!is_lone(weights.lengths) || !is_lone(gaps.lengths), Failure::data, source,
          ": expected entries of at least one bit");
    index.gaps = get_stream<std::uint8_t>(reader, gaps.lengths, entries);
    index.symbols = get_stream<std::uint16_t>(reader, weights.lengths, entries);
  }
  check_elements(index, shape.elements(), source);

  Tensor tensor(shape);
  float* const values = tensor.floats();
  parallel_for(tensor.elements(), 1 << 16, [&](std::int64_t begin, std::int64_t end) {
    std::fill(values + begin, values + end, 0.0f);
  });
  for_each_nonzero(index, source, [&](std::uint32_t position, std::uint16_t symbol) {
    values[position] = std::bit_cast<float>(codebook[symbol - 1u]);
  });
  if (report) {
    weights.counts = count_symbols(index.symbols, weights.counts.size());
    gaps.counts = count_symbols(index.gaps, gaps.counts.size());
    *report = report_shared(name, shape, index.bits, weights, gaps,
                            static_cast<std::int64_t>(codebook_bytes),
                            static_cast<std::int64_t>(before - reader.left()));
  }
  return tensor;
}

}  // namespace octet

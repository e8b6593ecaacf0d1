#include "quant/compression/shared_coding.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "framework/check.h"
#include "quant/compression/huffman.h"
#include "quant/compression/relative_index.h"
#include "quant/compression/weight_sharing.h"

namespace octet {
namespace {

// Numbers the distinct values by falling count, so that their code lengths rise and cost little.
struct Codebook {
  std::vector<std::uint32_t> values;  // bits of the floats; symbol s stands for values[s - 1]
  std::vector<std::uint64_t> counts;  // by symbol; no filler yet at 0
};

// The values by falling count; numbers the symbols of `nonzeros` accordingly.
Codebook order_by_count(const std::vector<std::uint32_t>& found, Nonzeros& nonzeros) {
  std::vector<std::uint64_t> counts(found.size());
  for (const std::uint16_t number : nonzeros.symbols) ++counts[number];
  std::vector<std::uint16_t> order(found.size()), symbol(found.size());
  std::iota(order.begin(), order.end(), std::uint16_t{0});
  std::sort(order.begin(), order.end(), [&](std::uint16_t a, std::uint16_t b) {
    return counts[a] != counts[b] ? counts[a] > counts[b] : found[a] < found[b];
  });
  Codebook codebook;
  codebook.counts.assign(1, 0);
  for (const std::uint16_t number : order) {
    codebook.values.push_back(found[number]);
    codebook.counts.push_back(counts[number]);
    symbol[number] = static_cast<std::uint16_t>(codebook.values.size());
  }
  for (std::uint16_t& number : nonzeros.symbols) number = symbol[number];
  return codebook;
}

struct Plan {
  int index_bits = 0;
  StreamCode weights, gaps;
  Bytes front;  // everything before the streams
  std::size_t bytes = 0;
};

Plan make_plan(const Nonzeros& nonzeros, const Codebook& codebook, int index_bits) {
  GapCounts counts = count_gaps(nonzeros, index_bits);
  Plan plan{index_bits, {codebook.counts, {}}, {std::move(counts.gaps), {}}, {}, 0};
  plan.weights.counts[0] = counts.fillers;
  plan.weights.lengths = code_lengths(plan.weights.counts);
  plan.gaps.lengths = code_lengths(plan.gaps.counts);
  // A second word, never used: an entry that cost nothing would let a few bytes claim any size.
  if (is_lone(plan.weights.lengths) && is_lone(plan.gaps.lengths))
    plan.gaps.lengths[plan.gaps.lengths[0] > 0 ? 1 : 0] = 1;

  const std::uint64_t entries = nonzeros.positions.size() + counts.fillers;
  put_varint(plan.front, codebook.values.size());
  put_varint(plan.front, entries);
  plan.front.push_back(static_cast<std::uint8_t>(index_bits));
  put_bytes(plan.front, codebook.values.data(), 4 * codebook.values.size());
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
  Nonzeros& nonzeros = distinct.nonzeros;
  const Codebook codebook = order_by_count(distinct.values, nonzeros);
  Plan best;
  for (int bits = index_bits.value_or(1); bits <= index_bits.value_or(8); ++bits)
    if (Plan plan = make_plan(nonzeros, codebook, bits); best.bytes == 0 || plan.bytes < best.bytes)
      best = std::move(plan);
  CodedTensor payload{std::move(best.front), {}};
  payload.bytes.reserve(best.bytes + 8);
  const RelativeIndex index = encode_relative(nonzeros, best.index_bits);
  if (!index.gaps.empty()) {
    put_stream(payload.bytes, best.gaps, index.gaps);
    put_stream(payload.bytes, best.weights, index.symbols);
  }
  assert(payload.bytes.size() == best.bytes);
  payload.report = report_shared(name, shape, best.index_bits, best.weights, best.gaps,
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
  std::vector<float> codebook(clusters);
  if (clusters > 0) std::memcpy(codebook.data(), reader.take(4 * clusters), 4 * clusters);
  for (const float value : codebook)
    check(std::bit_cast<std::uint32_t>(value) != 0, Failure::data, source,
          ": expected no zero in the codebook");

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
  const Nonzeros nonzeros = decode_relative(index, shape.elements(), source);

  Tensor tensor(shape);
  tensor.fill_zero();
  float* const values = tensor.floats();
  for (std::size_t i = 0; i < nonzeros.positions.size(); ++i)
    values[nonzeros.positions[i]] = codebook[nonzeros.symbols[i] - 1u];
  if (report) {
    weights.counts = count_symbols(index.symbols, weights.counts.size());
    gaps.counts = count_symbols(index.gaps, gaps.counts.size());
    *report = report_shared(name, shape, index.bits, weights, gaps,
                            static_cast<std::int64_t>(before - reader.left()));
  }
  return tensor;
}

}  // namespace octet

#include "quant/compression/rans_coding.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <mutex>

#include "framework/check.h"
#include "framework/parallel.h"
#include "quant/compression/codebook_values.h"
#include "quant/compression/rans_entries.h"
#include "quant/compression/relative_index.h"
#include "quant/compression/weight_sharing.h"

namespace octet {
namespace {

// An entry may cost next to nothing. Zeros stand for what is missing, so that a few bytes cannot
// claim to be any number of elements.
constexpr std::uint64_t elements_a_byte = 2048;
std::int64_t count_blocks(std::int64_t elements) {
  return (elements + block_elements - 1) / block_elements;
}

// How far apart non-zeros are, in each block from its first element on: by the zeros before one.
std::vector<std::uint64_t> count_distances(const Nonzeros& nonzeros) {
  std::vector<std::uint64_t> counts;
  std::int64_t next = 0;  // one after the latest non-zero
  for (const std::uint32_t position : nonzeros.positions) {
    next = std::max(next, position / block_elements * block_elements);
    const auto zeros = static_cast<std::size_t>(position - next);
    if (zeros >= counts.size()) counts.resize(zeros + 1);
    ++counts[zeros];
    next = std::int64_t{position} + 1;
  }
  return counts;
}

GapCounts count_gaps(const std::vector<std::uint64_t>& distances, int bits) {
  GapCounts counts{std::vector<std::uint64_t>(std::size_t{1} << bits), 0};
  for (std::size_t zeros = 0; zeros < distances.size(); ++zeros) {
    counts.fillers += distances[zeros] * (zeros >> bits);
    counts.gaps[zeros & (counts.gaps.size() - 1)] += distances[zeros];
  }
  counts.gaps.back() += counts.fillers;
  return counts;
}

struct Plan {
  int index_bits = 0;
  std::vector<std::uint64_t> weight_counts, gap_counts;
  FrequencyTable weights, gaps;
  double bits = 0;
};

Bytes coded_tables(const Plan& plan) {
  Bytes bytes;
  BitWriter bits(bytes);
  put_table(bits, plan.weights);
  put_table(bits, plan.gaps);
  bits.finish();
  return bytes;
}

Plan make_plan(const std::vector<std::uint64_t>& distances,
               const std::vector<std::uint64_t>& symbols, int index_bits) {
  GapCounts gaps = count_gaps(distances, index_bits);
  Plan plan{.index_bits = index_bits, .weight_counts = symbols, .gap_counts = std::move(gaps.gaps)};
  plan.weight_counts[0] = gaps.fillers;
  plan.weights = choose_table(plan.weight_counts);
  plan.gaps = choose_table(plan.gap_counts);
  plan.bits = 8.0 * static_cast<double>(coded_tables(plan).size()) +
              coded_bits(plan.weight_counts, plan.weights) + coded_bits(plan.gap_counts, plan.gaps);
  return plan;
}

// The non-zeros of one block, counted from its first element; no fillers behind the last.
RelativeIndex index_block(const Nonzeros& all, std::int64_t block, int bits) {
  const std::int64_t begin = block * block_elements;
  const auto& positions = all.positions;
  const auto first = std::lower_bound(positions.begin(), positions.end(), begin);
  const auto last = std::lower_bound(first, positions.end(), begin + block_elements);
  Nonzeros nonzeros{0, {first, last}, {}};
  const auto symbols = all.symbols.begin() + (first - positions.begin());
  nonzeros.symbols.assign(symbols, symbols + (last - first));
  for (std::uint32_t& position : nonzeros.positions) position -= static_cast<std::uint32_t>(begin);
  if (first != last) nonzeros.elements = std::int64_t{nonzeros.positions.back()} + 1;
  return encode_relative(nonzeros, bits);
}

struct Block {
  std::uint64_t entries = 0;
  Bytes stream;
};

std::vector<Block> code_blocks(const Nonzeros& nonzeros, const Plan& plan) {
  const RansSymbols weights(plan.weights), gaps(plan.gaps);
  std::vector<Block> blocks(static_cast<std::size_t>(count_blocks(nonzeros.elements)));
  parallel_for(std::ssize(blocks), 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t b = first; b < last; ++b) {
      Block& block = blocks[static_cast<std::size_t>(b)];
      const RelativeIndex index = index_block(nonzeros, b, plan.index_bits);
      block.entries = index.gaps.size();
      block.stream = encode_entries(index, weights, gaps);
    }
  });
  return blocks;
}

struct BlockEntry {
  std::uint64_t entries, bytes;
  const std::uint8_t* stream;
};

// The block table; the streams stand further on.
std::vector<BlockEntry> get_blocks(ByteReader& reader, std::int64_t elements) {
  std::vector<BlockEntry> blocks(static_cast<std::size_t>(count_blocks(elements)));
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const std::int64_t begin = static_cast<std::int64_t>(b) * block_elements;
    const auto most = static_cast<std::uint64_t>(std::min(block_elements, elements - begin));
    blocks[b].entries = reader.varint(most, "entries of a block");
    blocks[b].bytes = blocks[b].entries > 0 ? reader.varint(reader.left(), "bytes of a block") : 0;
  }
  return blocks;
}

}  // namespace

CodedTensor encode_rans(const std::string& name, const Shape& shape, DistinctValues distinct,
                        std::optional<int> index_bits) {
  const std::vector<std::uint64_t> symbols = order_by_count(distinct);
  const Nonzeros& nonzeros = distinct.nonzeros;
  const std::vector<std::uint64_t> distances = count_distances(nonzeros);
  std::optional<Plan> best;
  for (int bits = index_bits.value_or(1); bits <= index_bits.value_or(8); ++bits)
    if (Plan plan = make_plan(distances, symbols, bits); !best || plan.bits < best->bits)
      best = std::move(plan);
  const std::vector<Block> blocks = code_blocks(nonzeros, *best);

  CodedTensor coded;
  Bytes& bytes = coded.bytes;
  put_varint(bytes, distinct.values.size());
  const std::size_t front = bytes.size();
  put_values(bytes, distinct.values);
  const std::size_t codebook = bytes.size() - front;
  bytes.push_back(static_cast<std::uint8_t>(best->index_bits));
  std::size_t streams = 0;
  for (const Block& block : blocks) {
    put_varint(bytes, block.entries);
    if (block.entries > 0) put_varint(bytes, block.stream.size());
    streams += block.stream.size();
  }
  if (streams > 0) {
    const Bytes tables = coded_tables(*best);
    put_bytes(bytes, tables.data(), tables.size());
  }
  bytes.reserve(bytes.size() + streams);
  for (const Block& block : blocks) put_bytes(bytes, block.stream.data(), block.stream.size());
  const std::size_t least = static_cast<std::uint64_t>(nonzeros.elements) / elements_a_byte;
  if (streams < least) bytes.resize(bytes.size() + least - streams);
  coded.report = report_rans(
      name, shape, best->index_bits,
      {best->weight_counts, coded_bits(best->weight_counts, best->weights)},
      {best->gap_counts, coded_bits(best->gap_counts, best->gaps)},
      {static_cast<std::int64_t>(codebook), static_cast<std::int64_t>(streams), std::ssize(bytes)});
  return coded;
}

Tensor decode_rans(ByteReader& reader, const std::string& name, const Shape& shape,
                   TensorReport* report) {
  const std::string& source = reader.source();
  const std::size_t before = reader.left();
  const std::int64_t elements = shape.elements();
  const std::uint64_t least = static_cast<std::uint64_t>(elements) / elements_a_byte;
  check(least <= reader.left() && elements >> 32 == 0, Failure::data, source, ": expected at most ",
        elements_a_byte, " elements a byte, got ", elements, " in ", reader.left(), " bytes");
  const auto clusters = static_cast<std::size_t>(reader.varint(max_clusters, "clusters"));
  const std::size_t front = reader.left();
  const std::vector<std::uint32_t> codebook = get_values(reader, clusters);
  const auto codebook_bytes = static_cast<std::int64_t>(front - reader.left());
  const int index_bits = reader.byte();
  check(index_bits >= 1 && index_bits <= 8, Failure::data, source,
        ": expected 1 to 8 index bits, got ", index_bits);
  std::vector<BlockEntry> blocks = get_blocks(reader, elements);
  const bool any = std::any_of(blocks.begin(), blocks.end(),
                               [](const BlockEntry& block) { return block.entries > 0; });
  FrequencyTable weights, gaps;
  if (any) {
    BitReader bits(reader.here(), reader.left(), source);
    weights = get_table(bits, clusters + 1, source);
    gaps = get_table(bits, std::size_t{1} << index_bits, source);
    reader.take(bits.finish());
  }
  std::uint64_t streams = 0;
  for (BlockEntry& block : blocks) {
    block.stream = reader.take(block.bytes);
    streams += block.bytes;
  }
  if (streams < least) {
    const std::uint8_t* const zeros = reader.take(least - streams);
    check(std::all_of(zeros, zeros + (least - streams), [](std::uint8_t z) { return z == 0; }),
          Failure::data, source, ": expected zeros after its streams");
  }

  Tensor tensor(shape);
  EntryCounts all{std::vector<std::uint64_t>(clusters + 1),
                  std::vector<std::uint64_t>(std::size_t{1} << index_bits)};
  std::optional<EntryTables> tables;
  if (any) {
    tables.emplace(EntryTables{RansSlots(weights), RansSlots(gaps), {0.0f}});
    for (const std::uint32_t value : codebook)
      tables->values.push_back(std::bit_cast<float>(value));
  }
  std::mutex adding;
  parallel_for(std::ssize(blocks), 1, [&](std::int64_t first, std::int64_t last) {
    EntryCounts counts{std::vector<std::uint64_t>(all.weights.size()),
                       std::vector<std::uint64_t>(all.gaps.size())};
    for (std::int64_t b = first; b < last; ++b) {
      const BlockEntry& block = blocks[static_cast<std::size_t>(b)];
      float* const to = tensor.floats() + b * block_elements;
      const std::int64_t count = std::min(block_elements, elements - b * block_elements);
      std::fill_n(to, count, 0.0f);
      if (block.entries > 0)
        decode_entries(block.stream, block.bytes, block.entries, *tables, to, count, counts,
                       source);
    }
    const std::lock_guard lock(adding);
    const auto add = [](std::vector<std::uint64_t>& to, const std::vector<std::uint64_t>& from) {
      std::transform(to.begin(), to.end(), from.begin(), to.begin(), std::plus{});
    };
    add(all.weights, counts.weights);
    add(all.gaps, counts.gaps);
  });
  if (report)
    *report = report_rans(name, shape, index_bits, {all.weights, coded_bits(all.weights, weights)},
                          {all.gaps, coded_bits(all.gaps, gaps)},
                          {codebook_bytes, static_cast<std::int64_t>(streams),
                           static_cast<std::int64_t>(before - reader.left())});
  return tensor;
}

}  // namespace octet

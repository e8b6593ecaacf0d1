#include "quant/compression/code_lengths.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <iterator>
#include <numeric>

namespace octet {
namespace {

// A row of the package-merge table: leaves and packages in rising order of weight.
struct Item {
  std::uint64_t weight;
  bool is_leaf;
};

// Pairs neighbours of the row below into packages and merges them with the leaves.
std::vector<Item> next_row(const std::vector<Item>& leaves, const std::vector<Item>& below) {
  std::vector<Item> packages;
  for (std::size_t i = 0; i + 1 < below.size(); i += 2)
    packages.push_back({below[i].weight + below[i + 1].weight, false});
  std::vector<Item> row;
  std::merge(leaves.begin(), leaves.end(), packages.begin(), packages.end(),
             std::back_inserter(row),
             [](const Item& a, const Item& b) { return a.weight < b.weight; });
  return row;
}

}  // namespace

CodeLengths code_lengths(const std::vector<std::uint64_t>& counts, int limit) {
  CodeLengths lengths(counts.size());
  std::vector<std::size_t> symbols;
  for (std::size_t s = 0; s < counts.size(); ++s)
    if (counts[s] > 0) symbols.push_back(s);
  if (symbols.size() == 1) lengths[symbols[0]] = 1;
  if (symbols.size() < 2) return lengths;
  assert(limit <= max_code_length && std::size_t{1} << limit >= symbols.size());
  std::sort(symbols.begin(), symbols.end(), [&](std::size_t a, std::size_t b) {
    return counts[a] != counts[b] ? counts[a] < counts[b] : a > b;
  });
  std::vector<Item> leaves;
  for (const std::size_t s : symbols) leaves.push_back({counts[s], true});
  std::vector<std::vector<Item>> rows{leaves};
  for (int i = 1; i < limit; ++i) rows.push_back(next_row(leaves, rows.back()));
  // Of the last row the 2n - 2 lightest items are taken, of each row below what their packages
  // hold; each time a leaf is taken its word grows by one.
  std::size_t take = 2 * symbols.size() - 2;
  for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
    std::size_t leaf = 0;
    for (std::size_t i = 0; i < take; ++i)
      if ((*row)[i].is_leaf) ++lengths[symbols[leaf++]];
    take = 2 * (take - leaf);
  }
  return lengths;
}

bool is_lone(const CodeLengths& lengths) {
  return std::count_if(lengths.begin(), lengths.end(), [](auto length) { return length > 0; }) == 1;
}

std::uint64_t coded_bits(const std::vector<std::uint64_t>& counts, const CodeLengths& lengths) {
  if (is_lone(lengths)) return 0;
  return std::inner_product(counts.begin(), counts.end(), lengths.begin(), std::uint64_t{0});
}

double entropy_bits(const std::vector<std::uint64_t>& counts) {
  const auto total =
      static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}));
  double bits = 0;
  for (const std::uint64_t count : counts)
    if (count > 0)
      bits += static_cast<double>(count) * std::log2(total / static_cast<double>(count));
  return bits;
}

void put_lengths(BitWriter& bits, const CodeLengths& lengths) {
  int before = 0;
  for (std::size_t s = 0; s < lengths.size();) {
    if (lengths[s] == 0) {
      const std::size_t begin = s;
      while (s < lengths.size() && lengths[s] == 0) ++s;
      const auto run = static_cast<std::uint32_t>(s - begin);
      bits.put(15, 4);
      bits.put(0, std::bit_width(run) - 1);
      bits.put(run, std::bit_width(run));
      continue;
    }
    const int length = lengths[s++];
    if (length == before) {
      bits.put(0, 1);
    } else if (length == before + 1) {
      bits.put(2, 2);
    } else if (length == before - 1) {
      bits.put(6, 3);
    } else {
      bits.put(14, 4);
      bits.put(static_cast<std::uint32_t>(length), 5);
    }
    before = length;
  }
}

CodeLengths get_unchecked_lengths(BitReader& bits, std::size_t symbols, std::string_view source) {
  CodeLengths lengths;
  int before = 0;
  while (lengths.size() < symbols) {
    int ones = 0;
    while (ones < 4 && bits.get(1) == 1) ++ones;
    if (ones == 4) {
      int zeros = 0;
      while (zeros < 16 && bits.get(1) == 0) ++zeros;
      const std::size_t run = (std::size_t{1} << zeros) | bits.get(zeros);
      check(run <= symbols - lengths.size(), Failure::data, source, ": a code table has more than ",
            symbols, " symbols");
      lengths.insert(lengths.end(), run, 0);
      continue;
    }
    if (ones == 1) ++before;
    if (ones == 2) --before;
    if (ones == 3) before = static_cast<int>(bits.get(5));
    check(before >= 1 && before <= max_code_length, Failure::data, source,
          ": expected code lengths of 1 to ", max_code_length, ", got ", before);
    lengths.push_back(static_cast<std::uint8_t>(before));
  }
  return lengths;
}

CodeLengths get_lengths(BitReader& bits, std::size_t symbols, std::string_view source) {
  CodeLengths lengths = get_unchecked_lengths(bits, symbols, source);
  check_lengths(lengths, source);
  return lengths;
}

void check_lengths(const CodeLengths& lengths, std::string_view source) {
  std::uint64_t covered = 0;  // of the 2^max_code_length words of full length
  for (const std::uint8_t length : lengths) {
    check(length <= max_code_length, Failure::data, source, ": expected code lengths of at most ",
          max_code_length, ", got ", int{length});
    if (length > 0) covered += std::uint64_t{1} << (max_code_length - length);
  }
  const std::uint64_t all = std::uint64_t{1} << max_code_length;
  const bool lone = covered == all / 2 && is_lone(lengths);
  check(covered == all || lone, Failure::data, source, ": a code table is ",
        covered > all ? "over-subscribed" : "incomplete");
}

}  // namespace octet

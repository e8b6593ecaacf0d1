#include "quant/compression/distinct_values.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "quant/compression/weight_sharing.h"

namespace octet {
namespace {

// Open addressing in four times as many places as values can come.
class ValueTable {
 public:
  /// The number of a value that is not zero, in the order of appearance, or -1 when there are more
  /// than max_clusters.
  int number(std::uint32_t value) {
    std::size_t place = (value * 0x9e3779b1u) >> (32 - log2_places);
    while (keys_[place] != value) {
      if (keys_[place] == 0) {
        if (values_.size() == max_clusters) return -1;
        keys_[place] = value;
        numbers_[place] = static_cast<std::uint16_t>(values_.size());
        values_.push_back(value);
      } else {
        place = (place + 1) % places;
      }
    }
    return numbers_[place];
  }
  const std::vector<std::uint32_t>& values() const { return values_; }

 private:
  static constexpr int log2_places = 14;
  static constexpr std::size_t places = std::size_t{1} << log2_places;
  static_assert(places >= 4 * max_clusters);
  std::vector<std::uint32_t> keys_ = std::vector<std::uint32_t>(places);
  std::vector<std::uint16_t> numbers_ = std::vector<std::uint16_t>(places);
  std::vector<std::uint32_t> values_;
};

}  // namespace

std::optional<DistinctValues> find_distinct(const Tensor& tensor) {
  if (tensor.element() != Element::float32 || tensor.empty() || tensor.elements() >> 32 != 0)
    return std::nullopt;
  ValueTable table;
  DistinctValues found;
  Nonzeros& nonzeros = found.nonzeros;
  const float* const values = tensor.floats();
  nonzeros.elements = tensor.elements();
  for (std::int64_t i = 0; i < tensor.elements(); ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(values[i]);
    if (bits == 0) continue;
    const int number = table.number(bits);
    if (number < 0) return std::nullopt;
    nonzeros.positions.push_back(static_cast<std::uint32_t>(i));
    nonzeros.symbols.push_back(static_cast<std::uint16_t>(number));
  }
  found.values = table.values();
  // Codes of 8 bits may still be smaller than the tensor.
  if (found.values.size() > 254 && 4 * found.values.size() >= tensor.bytes()) return std::nullopt;
  return found;
}

std::vector<std::uint64_t> order_by_count(DistinctValues& distinct) {
  const std::vector<std::uint32_t> found = std::move(distinct.values);
  std::vector<std::uint64_t> counts(found.size());
  for (const std::uint16_t number : distinct.nonzeros.symbols) ++counts[number];
  std::vector<std::uint16_t> order(found.size()), symbol(found.size());
  std::iota(order.begin(), order.end(), std::uint16_t{0});
  std::sort(order.begin(), order.end(), [&](std::uint16_t a, std::uint16_t b) {
    return counts[a] != counts[b] ? counts[a] > counts[b] : found[a] < found[b];
  });
  distinct.values.clear();
  std::vector<std::uint64_t> ordered{0};
  for (const std::uint16_t number : order) {
    distinct.values.push_back(found[number]);
    ordered.push_back(counts[number]);
    symbol[number] = static_cast<std::uint16_t>(distinct.values.size());
  }
  for (std::uint16_t& number : distinct.nonzeros.symbols) number = symbol[number];
  return ordered;
}

}  // namespace octet

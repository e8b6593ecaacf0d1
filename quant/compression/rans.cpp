#include "quant/compression/rans.h"

namespace octet {

RansSymbols::RansSymbols(const FrequencyTable& table)
    : bits_(table.bits), ranges_(table.frequencies.size()) {
  std::uint32_t begin = 0;
  for (std::size_t s = 0; s < ranges_.size(); ++s) {
    ranges_[s] = {table.frequencies[s], static_cast<std::uint16_t>(begin)};
    begin += table.frequencies[s];
  }
}

RansSlots::RansSlots(const FrequencyTable& table)
    : bits_(table.bits), mask_((1u << table.bits) - 1) {
  slots_.reserve(std::size_t{mask_} + 1);
  for (std::size_t s = 0; s < table.frequencies.size(); ++s)
    for (std::uint16_t offset = 0; offset < table.frequencies[s]; ++offset)
      slots_.push_back({table.frequencies[s], offset, static_cast<std::uint16_t>(s), 0});
  assert(slots_.size() == std::size_t{mask_} + 1);
}

}  // namespace octet

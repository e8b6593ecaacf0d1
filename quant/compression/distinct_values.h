// A tensor of few distinct values, taken apart: which values, and which of them where. Values are
// told apart, and kept, by their bits; a zero (all bits 0) is no value but an absence.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "framework/tensor.h"
#include "quant/compression/relative_index.h"

namespace octet {

struct DistinctValues {
  std::vector<std::uint32_t> values;  ///< bits of the floats, in the order of appearance
  Nonzeros nonzeros;                  ///< symbols are places in `values`, from 0
};

/// None where the tensor is not float32, has more than max_clusters distinct values, is empty or
/// too large (2^32 elements), or where no value comes twice and there are too many to be codes.
std::optional<DistinctValues> find_distinct(const Tensor& tensor);

/// Orders the values by falling count, of equals by their bits, and numbers the symbols from 1: 0
/// is for fillers. Returns the counts by symbol.
std::vector<std::uint64_t> order_by_count(DistinctValues& distinct);

}  // namespace octet

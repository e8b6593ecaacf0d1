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
/// too large (2^32 elements), or where the values alone are as large as the tensor.
std::optional<DistinctValues> find_distinct(const Tensor& tensor);

}  // namespace octet

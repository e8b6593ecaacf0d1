// The payload of a tensor with few distinct values (drawn in model_file.h) in blocks of elements
// that are decoded on their own, all at once: codebook, tables of frequencies, and for each block
// the gaps and symbols of its entries as one row of rANS words.
#pragma once

#include <optional>
#include <string>

#include "framework/tensor.h"
#include "quant/compression/bit_stream.h"
#include "quant/compression/coded_tensor.h"
#include "quant/compression/distinct_values.h"

namespace octet {

/// The index width of the shortest streams and tables of all, or the one that is given (1 .. 8).
CodedTensor encode_rans(const std::string& name, const Shape& shape, DistinctValues distinct,
                        std::optional<int> index_bits);

/// Reads a payload into a tensor of this shape and fills `report` unless it is null. Allocates in
/// proportion to the bytes that are there. Throws Error(data), beginning with the reader's source.
Tensor decode_rans(ByteReader& reader, const std::string& name, const Shape& shape,
                   TensorReport* report);

}  // namespace octet

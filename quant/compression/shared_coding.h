// The payload of a tensor with few distinct values (drawn in model_file.h): codebook, relative
// index and two Huffman streams.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "framework/tensor.h"
#include "quant/compression/bit_stream.h"
#include "quant/compression/coded_tensor.h"
#include "quant/compression/distinct_values.h"

namespace octet {

/// The shortest payload of all index widths, or of the one that is given (1 .. 8).
CodedTensor encode_shared(const std::string& name, const Shape& shape, DistinctValues distinct,
                          std::optional<int> index_bits);

/// Reads a payload into a tensor of this shape and fills `report` unless it is null. Allocates in
/// proportion to the bytes that are there. Throws Error(data), beginning with the reader's source.
Tensor decode_shared(ByteReader& reader, const std::string& name, const Shape& shape,
                     TensorReport* report);

}  // namespace octet

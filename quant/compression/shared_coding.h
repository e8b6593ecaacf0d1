// The payload of a tensor with few distinct values (drawn in model_file.h): codebook, relative
// index and two Huffman streams. Lossless: values are told apart, and kept, by their bits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "framework/tensor.h"
#include "quant/compression/bit_stream.h"
#include "quant/compression/tensor_report.h"

namespace octet {

struct SharedPayload {
  Bytes bytes;
  TensorReport report;
};

/// The shortest payload of all index widths, or of the one that is given (1 .. 8). None where the
/// tensor is not float32, has more than max_clusters distinct values, is empty or too large
/// (2^32 elements), or where its codebook alone is as large as the tensor.
std::optional<SharedPayload> encode_shared(const std::string& name, const Tensor& tensor,
                                           std::optional<int> index_bits);

/// Reads a payload into a tensor of this shape and fills `report` unless it is null. Allocates in
/// proportion to the bytes that are there. Throws Error(data), beginning with the reader's source.
Tensor decode_shared(ByteReader& reader, const std::string& name, const Shape& shape,
                     TensorReport* report);

}  // namespace octet

// The payload of a tensor with few distinct values as one arithmetic code (drawn in model_file.h):
// for each element, row by row, whether it is there, its sign, and its place among the values of
// that sign, each bit under a probability learnt from the elements before it. No index, no fillers,
// no tables. After DeepCABAC (Wiedemann et al. 2019), with mixed predictions. The model is part of
// the file format: a change needs another file version.
#pragma once

#include <string>

#include "framework/tensor.h"
#include "quant/compression/bit_stream.h"
#include "quant/compression/coded_tensor.h"
#include "quant/compression/distinct_values.h"

namespace octet {

CodedTensor encode_contexts(const std::string& name, const Shape& shape,
                            const DistinctValues& distinct);

/// Reads a payload into a tensor of this shape and fills `report` unless it is null. Allocates in
/// proportion to the bytes that are there. Throws Error(data), beginning with the reader's source.
Tensor decode_contexts(ByteReader& reader, const std::string& name, const Shape& shape,
                       TensorReport* report);

}  // namespace octet

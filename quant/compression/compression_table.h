// Han's table of a compressed model: what each stage leaves of each layer, and of the whole file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "quant/compression/tensor_report.h"

namespace octet {

/// Elements of the weights and biases among the reports.
std::int64_t count_parameters(const std::vector<TensorReport>& reports);

/// A row for each weight tensor, one for all biases, one for the rest of a file of `file_bytes`
/// (header, definition, other tensors, checksum), and the totals, with the ratio
/// 4 x parameters / file_bytes. P = pruning, Q = weight sharing, H = Huffman coding;
/// where any tensor is coded otherwise, C = the coder of each tensor.
std::string compression_table(const std::vector<TensorReport>& reports, std::int64_t file_bytes);

}  // namespace octet

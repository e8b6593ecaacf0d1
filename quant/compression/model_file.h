// The file of a Model: checkpoints and compressed models alike. Lossless, bit for bit.
//
//   file     "OCTET"  version u8  header  payload of each tensor  CRC-32 u32 of all before it
//
//   header   plain size  stored size  bytes: where stored is smaller, raw deflate with the
//            dictionary of model_header.cpp
//     plain    definition text   number of attributes  { key text  value text }
//              number of tensors  { name text  kind u8  rank u8  extents }      by rising names
//     kind     bits 0-3 element: 0 float32  1 bfloat16  2 int8  3 uint8  4 int32
//              bits 4-6 coding: 0 raw  1 shared  2 contexts     bit 7: a scaling precedes it
//
//   scaling  zero point i32  number of scales  scales f32: one, or one for each filter
//   raw      the elements, little endian
//   shared   clusters  entries  index bits u8  codebook f32 x clusters
//            code lengths of the weight symbols, then of the gaps  }
//            gap stream                                            } only where there are entries
//            weight stream                                         }
//
//   contexts negative values  positive values  bytes a value u8: 1 .. 4
//            values: their top bytes, low ones first; first the negative ones, then the positive
//            ones, each by rising magnitude
//            stream size  stream: an arithmetic code of the elements, row by row, under the model
//            of context_coding.cpp
//
//   An entry is a gap of 1 .. 2^(index bits) to the next position and a weight symbol: s stands for
//   codebook[s - 1], 0 for a filler, which holds no weight and whose gap is the longest. Where one
//   of the two alphabets has a single symbol its stream is empty, but never both. The lengths'
//   coding is at put_lengths, the codes are canonical, bits are most significant first, the
//   lengths and each stream end at a byte. Sizes and numbers without a type are LEB128; a text is
//   its size and its characters.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "framework/files.h"
#include "framework/model.h"
#include "quant/compression/tensor_report.h"

namespace octet {

/// Which coders may be used where a tensor has few distinct values. The best is the one that makes
/// the tensor smallest; it does not try arithmetic coding beyond 2^24 elements, which takes
/// seconds.
enum class Coder { best, huffman, arithmetic };

std::string_view print(Coder coder);
/// Throws Error(usage) unless the text is best, huffman or arithmetic.
Coder parse_coder(std::string_view text);

struct EncodeOptions {
  std::optional<int>
      index_bits;  ///< 1 .. 8 for all Huffman-coded tensors; the best for each when not given
  Coder coder = Coder::best;
};

/// Every tensor takes the coding that makes it smaller; `reports` gets one of each, by name.
/// Throws Error(usage) when index_bits is out of range or the definition is not valid,
/// Error(failed) for what no file can hold.
Bytes encode(const Model& model, const EncodeOptions& options = {},
             std::vector<TensorReport>* reports = nullptr);

/// Throws Error(data), beginning with `source`, unless these are the whole bytes of a model. What
/// it allocates is bounded by their number. `reports` gets what encode reported.
Model decode(const Bytes& bytes, std::string_view source,
             std::vector<TensorReport>* reports = nullptr);

void write_model(const std::filesystem::path& file, const Model& model,
                 const EncodeOptions& options = {});
Model read_model(const std::filesystem::path& file);

}  // namespace octet

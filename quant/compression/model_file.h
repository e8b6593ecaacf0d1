// The file of a Model: checkpoints and compressed models alike. Lossless, bit for bit.
//
//   file     "OCTET"  version u8  header  payload of each tensor  CRC-32 u32 of all before it
//
//   header   plain size  stored size  bytes: where stored is smaller, raw deflate with the
//            dictionary of model_header.cpp
//     plain    definition text   number of attributes  { key text  value text }
//              number of tensors  { name text  kind u8  rank u8  extents }      by rising names
//     kind     bits 0-3 element: 0 float32  1 bfloat16  2 int8  3 uint8  4 int32
//              bits 4-6 coding: 0 raw  1 shared  2 contexts  3 rans     bit 7: a scaling precedes
//              it
//
//   scaling  zero point i32  number of scales  scales f32: one, or one for each filter
//   raw      the elements, little endian
//            the other codings: float32, or int8 whose codes they hold as float32 values
//   codebook nothing where there are no values; else its form u8 and the values: form
//            1 .. 4   so many top bytes of each value f32, low ones first; the others are zero
//            0        scale f32  codes i8: value = code x scale
//
//   shared   clusters  entries  index bits u8  codebook
//            code lengths of the weight symbols, then of the gaps  }
//            gap stream                                            } only where there are entries
//            weight stream                                         }
//
//   contexts negative values  positive values  codebook: first the negative ones, then the positive
//            ones, each by rising magnitude
//            stream size  stream: an arithmetic code of the elements, row by row, under the model
//            of context_coding.cpp
//
//   rans     clusters  codebook  index bits u8
//            for each block of 2^18 elements: entries, and where there are any, stream size
//            frequencies of the weight symbols, then of the gaps   } only where there are entries
//            streams of the blocks                                 }
//            zeros, as many as the streams lack of elements / 2048 bytes
//     stream   states u32: 4, or 1 where there are less than 1024 entries;  words u16
//            gap, weight, gap, weight, ... of a block's entries by turns of the states (rans.h)
//
//   An entry is a gap of 1 .. 2^(index bits) to the next position and a weight symbol: s stands for
//   codebook[s - 1], 0 for a filler, which holds no weight and whose gap is the longest. Where one
//   of the two alphabets of `shared` has a single symbol its stream is empty, but never both. The
//   lengths' coding is at put_lengths, the frequencies' at put_table, the codes are canonical, bits
//   are most significant first, lengths, frequencies and each stream end at a byte. Sizes and
//   numbers without a type are LEB128; a text is its size and its characters.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "framework/files.h"
#include "framework/model.h"
#include "quant/compression/tensor_report.h"

namespace octet {

/// Which coders may be used where a tensor has few distinct values: `rans` decodes fastest,
/// `arithmetic` makes the smallest files. The best is the one that makes the tensor smallest; it
/// does not try arithmetic coding beyond 2^24 elements, which takes seconds.
enum class Coder { best, huffman, arithmetic, rans };

std::string_view print(Coder coder);
/// Throws Error(usage) unless the text is best, huffman, arithmetic or rans.
Coder parse_coder(std::string_view text);

struct EncodeOptions {
  std::optional<int> index_bits;  ///< 1 .. 8 for all relative indices; else the best for each
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

// The MNIST family: IDX files, plain or gzipped, and the folders that hold them.
//
//   00 00 08 03 | count | rows | columns | pixels     big-endian 32-bit numbers, one byte a pixel
//   00 00 08 01 | count | labels                      one byte a label
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "datasets/split.h"
#include "framework/dataset.h"
#include "framework/files.h"

namespace octet {

struct IdxImages {
  Shape image;                       ///< rows x columns x 1
  std::vector<std::uint8_t> pixels;  ///< whole pictures, one after the other
};

/// Both read a whole unpacked file; `source` names it in messages. Throw Error(data) for a wrong
/// magic, extents beyond 4096, no pictures, or a length that is not what the header says.
IdxImages parse_idx_images(Bytes bytes, const std::string& source);
std::vector<std::uint8_t> parse_idx_labels(Bytes bytes, const std::string& source);

/// Unpacks gzip, one or more members. Throws Error(data), naming `source`, when the data is
/// damaged, cut short, followed by something else or larger than `most` bytes unpacked.
Bytes gunzip(const Bytes& packed, const std::string& source, std::uint64_t most);

/// The four files of a folder: `train` or `t10k` (or `test`), "-images-idx3-ubyte" or
/// "-labels-idx1-ubyte", the last dash or dot either way, ".gz" or not, maybe after a prefix such
/// as "emnist-letters-". Absent ones are empty. Throws Error(data) where two sets share the folder.
struct IdxFiles {
  std::filesystem::path train_images, train_labels, test_images, test_labels;
};
IdxFiles find_idx_files(const std::filesystem::path& folder);

/// The whole file, unpacked when it is gzip.
Bytes read_idx_file(const std::filesystem::path& file);

/// Reads one split. Class names are `classes`, or where that is empty "0" up to the largest label
/// of the training file, whichever split is read. EMNIST pictures, stored lying, are stood up.
/// Throws Error(data), naming the file, when one is missing or damaged or a label has no class.
Dataset read_idx_folder(const std::filesystem::path& folder, Split split,
                        std::vector<std::string> classes = {});

}  // namespace octet

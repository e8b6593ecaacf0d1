// CIFAR-10 and CIFAR-100 in their binary form: records of labels and a planar 32 x 32 picture.
//
//   CIFAR-10:  class | 1024 red | 1024 green | 1024 blue
//   CIFAR-100: coarse class | class | 1024 red | 1024 green | 1024 blue
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "datasets/split.h"
#include "framework/dataset.h"
#include "framework/files.h"

namespace octet {

enum class Cifar { ten, hundred };

/// Bytes of one record.
std::int64_t record_size(Cifar kind);

/// The files of one split, whether they are there or not.
std::vector<std::filesystem::path> cifar_files(const std::filesystem::path& folder, Cifar kind,
                                               Split split);

/// Whether any file of the set is there.
bool has_cifar(const std::filesystem::path& folder, Cifar kind);

/// Appends the records to `into` as N x 32 x 32 x 3. Throws Error(data), naming `source`, when the
/// length is no whole number of records, a label is out of range or there is nothing.
void parse_cifar(const Bytes& bytes, const std::string& source, Cifar kind, Dataset& into);

/// Reads one split: data_batch_1.bin to 5 or test_batch.bin, names from batches.meta.txt; or
/// train.bin or test.bin, names from fine_label_names.txt. Throws Error(data), naming the file.
Dataset read_cifar_folder(const std::filesystem::path& folder, Cifar kind, Split split);

}  // namespace octet

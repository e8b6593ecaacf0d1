// The data sets everybody compares on: what they hold, where they lie on a disk, where they are
// fetched from and how their content is recognised. Values only; nothing here touches a disk.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/tensor.h"

namespace octet {

/// How pictures are stored in a folder.
enum class Storage { idx, cifar10, cifar100, pictures };

/// One file to fetch; without SHA-256 or addresses it cannot be.
struct Archive {
  std::string file;
  std::string sha256;             ///< of the file as published
  std::vector<std::string> urls;  ///< tried in turn
};

struct Published {
  std::string name, description;
  Storage storage;
  Shape image;  ///< H x W x C
  std::int64_t train, test;
  std::vector<std::string> classes;  ///< empty: the folder's list has them
  std::int64_t class_count;
  std::vector<std::string> folders;  ///< below a data folder, the first is where it is put
  std::vector<Archive> archives;     ///< files of the folder, or one .tar.gz that holds the folder

  /// SHA-256 of the content; empty where none is published. IDX: the unpacked files in the order of
  /// IdxFiles. cifar10: for train and test, of the sorted SHA-256s of all records, which does not
  /// depend on their order. cifar100: train.bin, test.bin.
  std::vector<std::string> contents;
};

/// mnist, fashion-mnist, kmnist, cifar10, cifar100.
const std::vector<Published>& published();

/// Null for a name that is none of them.
const Published* find_published(const std::string& name);

}  // namespace octet

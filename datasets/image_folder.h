// Pictures of your own: a folder for each class, as in  root/train/cat/1.jpg  root/val/cat/2.jpg,
// or just  root/cat/1.jpg  with a part held out for the test.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "framework/dataset.h"

namespace octet {

struct ImageFolderOptions {
  std::int64_t height = 32, width = 32;
  std::int64_t channels = 3;  ///< 1 or 3
  bool skip_bad = false;      ///< leave out unreadable pictures instead of stopping
  double hold_out = 0.2;      ///< share of the pictures that becomes the test split where none is
  std::uint64_t seed = 0;     ///< chooses them
};

struct ImageFolder {
  Dataset train, test;
  std::string test_folder;  ///< "val", ..., empty when the test split was held out
  /// Classes of the training folder that the test folder lacks.
  std::vector<std::string> untested;
  std::vector<std::string> skipped;  ///< unreadable pictures left out: file and reason
};

/// Has `train` with class folders in it, or class folders: folders with pictures somewhere in them.
bool is_image_folder(const std::filesystem::path& root);

/// Reads .jpg .jpeg .png .ppm .pgm .bmp .tga .gif .psd, in any case of letters, in and below each
/// class folder; classes and pictures are sorted bytewise by name, names that begin with a dot are
/// passed over. The test split is the first there is of val, validation, valid, test. Pictures are
/// scaled and cropped by fit(). Throws Error(data), in one line, for an unreadable picture (the
/// first in order), fewer than two classes, a class without pictures or a test class that was not
/// trained; Error(usage) for options out of range.
ImageFolder read_image_folder(const std::filesystem::path& root, const ImageFolderOptions& options);

}  // namespace octet

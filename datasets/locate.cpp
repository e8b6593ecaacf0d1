#include "datasets/locate.h"

#include <cstdlib>

#include "datasets/cifar.h"
#include "datasets/idx.h"
#include "datasets/image_folder.h"
#include "framework/check.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::vector<fs::path> data_folders() {
  std::vector<fs::path> folders{environment("OCTET_DATA"), "./data", cache_folder()};
  std::erase(folders, fs::path());
  return folders;
}

bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

bool has(const fs::path& folder, Storage storage) {
  if (!is_folder(folder)) return false;
  switch (storage) {
    case Storage::idx: {
      const IdxFiles files = find_idx_files(folder);
      return !files.train_images.empty() || !files.test_images.empty();
    }
    case Storage::cifar10:
      return has_cifar(folder, Cifar::ten);
    case Storage::cifar100:
      return has_cifar(folder, Cifar::hundred);
    case Storage::pictures:
      return is_image_folder(folder);
  }
  return false;
}

std::string names() {
  std::string text;
  for (const Published& set : published()) text += set.name + ", ";
  return text + "strokes";
}

Place locate_set(const Published& set) {
  if (const fs::path folder = find_set(set); !folder.empty()) return {folder, set.storage, &set};
  std::string looked, places;
  for (const std::string& folder : set.folders) looked += (looked.empty() ? "" : ", ") + folder;
  for (const fs::path& root : data_folders())
    places += (places.empty() ? "" : ", ") + root.string();
  fail(Failure::data, set.name, ": not found; looked for ", looked, " in ", places,
       environment("OCTET_DATA").empty() ? " ($OCTET_DATA is not set)" : "", "; `octet data get ",
       set.name, "` fetches it, `strokes` always works");
}

}  // namespace

fs::path cache_folder() {
  if (const std::string cache = environment("XDG_CACHE_HOME"); !cache.empty())
    return fs::path(cache) / "octet";
  const std::string home = environment("HOME");
  return home.empty() ? fs::path() : fs::path(home) / ".cache" / "octet";
}

fs::path find_set(const Published& set) {
  for (const fs::path& root : data_folders())
    for (const std::string& folder : set.folders)
      if (has(root / folder, set.storage)) return root / folder;
  return {};
}

Place locate(const std::string& name_or_folder) {
  if (const Published* set = find_published(name_or_folder)) return locate_set(*set);
  check(is_folder(name_or_folder), Failure::data, "'", name_or_folder,
        "' is neither a folder nor a data set (", names(),
        "); `octet data get NAME` fetches one, `strokes` always works");
  // Data sets often lie one folder further down.
  for (const char* below : {"", "cifar-10-batches-bin", "cifar-100-binary", "raw", "MNIST/raw"})
    for (const Storage storage : {Storage::idx, Storage::cifar10, Storage::cifar100}) {
      fs::path path = name_or_folder;
      if (*below != 0) path /= below;
      if (has(path, storage)) return {path, storage, nullptr};
    }
  check(has(name_or_folder, Storage::pictures), Failure::data, name_or_folder,
        ": expected IDX files, CIFAR binaries or a folder of pictures for each class, found none");
  return {name_or_folder, Storage::pictures, nullptr};
}

}  // namespace octet

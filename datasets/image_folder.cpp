#include "datasets/image_folder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "framework/check.h"
#include "framework/image.h"
#include "framework/parallel.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

bool is_picture(const fs::path& file) {
  std::string extension = file.extension().string();
  for (char& c : extension)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  constexpr std::array<std::string_view, 9> known{".jpg", ".jpeg", ".png", ".ppm", ".pgm",
                                                  ".bmp", ".tga",  ".gif", ".psd"};
  return std::find(known.begin(), known.end(), extension) != known.end();
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with("."); }

bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

std::vector<std::string> folders_in(const fs::path& root) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root, error))
    if (is_folder(entry.path()) && !is_hidden(entry.path()))
      names.push_back(entry.path().filename().string());
  check(!error, Failure::data, root.string(), ": cannot be read: ", error.message());
  std::sort(names.begin(), names.end());
  return names;
}

// The pictures in and below a folder; only the first one when `one` is all that is asked.
std::vector<std::string> pictures_in(const fs::path& folder, bool one = false) {
  std::vector<std::string> files;
  std::error_code error;
  auto at = fs::recursive_directory_iterator(folder, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (is_hidden(at->path())) {
      at.disable_recursion_pending();
    } else if (is_picture(at->path()) && !is_folder(at->path())) {
      files.push_back(at->path().string());
      if (one) return files;
    }
  }
  check(!error, Failure::data, folder.string(), ": cannot be read: ", error.message());
  std::sort(files.begin(), files.end());
  return files;
}

struct Listing {
  std::vector<std::string> files;
  std::vector<std::int32_t> labels;
};

Listing list_pictures(const fs::path& root, const std::vector<std::string>& classes) {
  Listing listing;
  for (const std::string& name : folders_in(root)) {
    const auto found = std::lower_bound(classes.begin(), classes.end(), name);
    check(found != classes.end() && *found == name, Failure::data, (root / name).string(),
          ": the training folder has no class '", name, "'");
    const std::vector<std::string> files = pictures_in(root / name);
    check(!files.empty(), Failure::data, (root / name).string(),
          ": expected pictures of the class '", name, "', found none");
    listing.files.insert(listing.files.end(), files.begin(), files.end());
    listing.labels.resize(listing.files.size(), static_cast<std::int32_t>(found - classes.begin()));
  }
  return listing;
}

// Decodes in parallel and keeps the order; with skip_bad leaves out what cannot be read.
Dataset decode(const Listing& listing, const std::vector<std::string>& classes,
               const fs::path& root, const ImageFolderOptions& options, ImageFolder& result) {
  Dataset dataset{
      root.filename().string(), {options.height, options.width, options.channels}, {}, {}, classes};
  const std::size_t size = static_cast<std::size_t>(dataset.image.elements());
  const std::size_t count = listing.files.size();
  dataset.pixels.resize(count * size);
  std::vector<std::string> errors(count);  // nothing may be thrown across the threads
  parallel_for(static_cast<std::int64_t>(count), 1, [&](std::int64_t first, std::int64_t last) {
    for (auto i = static_cast<std::size_t>(first); i < static_cast<std::size_t>(last); ++i) try {
        const Image image = fit(read_image(listing.files[i], static_cast<int>(options.channels)),
                                options.height, options.width);
        std::copy_n(image.pixels.begin(), size, dataset.pixels.data() + i * size);
      } catch (const std::exception& error) {
        errors[i] = error.what();
        if (errors[i].empty()) errors[i] = listing.files[i];
      }
  });
  const auto bad = std::find_if(errors.begin(), errors.end(),
                                [](const std::string& error) { return !error.empty(); });
  if (bad != errors.end() && !options.skip_bad) {
    const auto all =
        static_cast<std::int64_t>(count) - std::count(errors.begin(), errors.end(), "");
    if (all == 1) fail(Failure::data, *bad);
    fail(Failure::data, *bad, " (the first of ", all, " unreadable pictures)");
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (!errors[i].empty()) {
      result.skipped.push_back(errors[i]);
      continue;
    }
    std::copy_n(dataset.pixels.data() + i * size, size, dataset.pixels.data() + kept++ * size);
    dataset.labels.push_back(listing.labels[i]);
  }
  dataset.pixels.resize(kept * size);
  return dataset;
}

void check_options(const ImageFolderOptions& options) {
  check(options.channels == 1 || options.channels == 3, Failure::usage,
        "pictures from files have 1 or 3 channels, not ", options.channels);
  check(options.height > 0 && options.width > 0 && options.height <= 4096 && options.width <= 4096,
        Failure::usage, "pictures are made 1 to 4096 pixels high and wide, not ", options.height,
        " x ", options.width);
  check(options.hold_out > 0 && options.hold_out < 1, Failure::usage,
        "the share to hold out is between 0 and 1, not ", options.hold_out);
}

}  // namespace

bool is_image_folder(const fs::path& root) {
  if (is_folder(root / "train")) return !folders_in(root / "train").empty();
  for (const std::string& name : folders_in(root))
    if (!pictures_in(root / name, true).empty()) return true;
  return false;
}

ImageFolder read_image_folder(const fs::path& root, const ImageFolderOptions& options) {
  check_options(options);
  const fs::path train = is_folder(root / "train") ? root / "train" : root;
  const std::vector<std::string> classes = folders_in(train);
  check(classes.size() >= 2, Failure::data, train.string(),
        ": expected a folder for each of two or more classes, found ", classes.size());
  ImageFolder result;
  if (train != root)  // the last that is there wins
    for (const char* name : {"test", "valid", "validation", "val"})
      if (is_folder(root / name)) result.test_folder = name;
  // Everything is listed before anything is decoded, so that a wrong folder fails at once.
  const Listing trained = list_pictures(train, classes);
  Listing tested;
  if (!result.test_folder.empty()) {
    tested = list_pictures(root / result.test_folder, classes);
    check(!tested.files.empty(), Failure::data, (root / result.test_folder).string(),
          ": expected class folders with pictures, found none");
    for (std::size_t c = 0; c < classes.size(); ++c)
      if (std::find(tested.labels.begin(), tested.labels.end(), static_cast<std::int32_t>(c)) ==
          tested.labels.end())
        result.untested.push_back(classes[c]);
  }
  result.train = decode(trained, classes, root, options, result);
  std::vector<bool> seen(classes.size());
  for (const std::int32_t label : result.train.labels) seen[static_cast<std::size_t>(label)] = true;
  for (std::size_t c = 0; c < classes.size(); ++c)
    check(seen[c], Failure::data, (train / classes[c]).string(),
          ": no picture can be read: ", (result.skipped.empty() ? "" : result.skipped.front()));
  if (!result.test_folder.empty()) {
    result.test = decode(tested, classes, root, options, result);
    check(result.test.size() > 0, Failure::data, (root / result.test_folder).string(),
          ": no picture can be read: ", (result.skipped.empty() ? "" : result.skipped.front()));
  } else {
    const auto count = std::llround(options.hold_out * static_cast<double>(result.train.size()));
    result.test = hold_out(
        result.train, std::clamp<std::int64_t>(count, 1, result.train.size() - 1), options.seed);
  }
  return result;
}

}  // namespace octet

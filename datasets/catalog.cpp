#include "datasets/catalog.h"

#include <algorithm>

#include "datasets/cifar.h"
#include "datasets/download.h"
#include "datasets/idx.h"
#include "datasets/image_folder.h"
#include "datasets/locate.h"
#include "datasets/strokes.h"
#include "framework/check.h"
#include "framework/image.h"
#include "framework/parallel.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

// The last name of a path, whether it ends in a slash or is ".".
std::string folder_name(const fs::path& path) {
  const fs::path whole = fs::absolute(path).lexically_normal();
  return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

void read_splits(const Place& place, const Request& request, Splits& splits) {
  const auto read = [&](Split split) {
    if (place.storage == Storage::idx)
      return read_idx_folder(
          place.folder, split,
          place.set != nullptr ? place.set->classes : std::vector<std::string>());
    return read_cifar_folder(
        place.folder, place.storage == Storage::cifar10 ? Cifar::ten : Cifar::hundred, split);
  };
  if (place.storage != Storage::pictures) {
    splits.train = read(Split::train);
    splits.test = read(Split::test);
    return;
  }
  ImageFolderOptions options{
      .skip_bad = request.skip_bad, .hold_out = request.hold_out, .seed = request.seed};
  if (request.image.rank() == 3) {
    options.height = request.image[0];
    options.width = request.image[1];
    options.channels = request.image[2];
  }
  ImageFolder pictures = read_image_folder(place.folder, options);
  if (!pictures.untested.empty())
    splits.notes.push_back(join(pictures.test_folder, ": no pictures of ", pictures.untested.size(),
                                " of the ", pictures.train.classes.size(), " classes, such as '",
                                pictures.untested.front(), "': the test says nothing about them"));
  for (const std::string& skipped : pictures.skipped) splits.notes.push_back("left out " + skipped);
  if (!pictures.skipped.empty())
    splits.notes.push_back(join(pictures.skipped.size(), " unreadable pictures left out"));
  splits.notes.push_back(pictures.test_folder.empty()
                             ? join(pictures.test.size(), " pictures held out for the test")
                             : "tested on the folder " + pictures.test_folder);
  splits.train = std::move(pictures.train);
  splits.test = std::move(pictures.test);
}

// Grey copied to three channels, or three made grey with the weights that read_image uses.
Image with_channels(Image image, std::int64_t channels) {
  if (image.shape[2] == channels) return image;
  Image result{{image.shape[0], image.shape[1], channels}, {}};
  const std::uint8_t* from = image.pixels.data();
  for (; from != image.pixels.data() + image.pixels.size(); from += image.shape[2]) {
    if (channels == 1)
      result.pixels.push_back(
          static_cast<std::uint8_t>((from[0] * 77 + from[1] * 150 + from[2] * 29) >> 8));
    else
      result.pixels.insert(result.pixels.end(), 3, *from);
  }
  return result;
}

void convert(Dataset& dataset, const Shape& image) {
  const auto size = static_cast<std::size_t>(image.elements());
  std::vector<std::uint8_t> pixels(size * dataset.labels.size());
  parallel_for(dataset.size(), 64, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      const Image stored{dataset.image, {dataset.picture(i), dataset.picture(i + 1)}};
      const Image fitted = fit(with_channels(stored, image[2]), image[0], image[1]);
      std::copy_n(fitted.pixels.begin(), size, pixels.data() + static_cast<std::size_t>(i) * size);
    }
  });
  dataset.pixels = std::move(pixels);
  dataset.image = image;
}

void convert_as_asked(Splits& splits, const Request& request) {
  const Shape& wanted = request.image;
  if (wanted.rank() == 0 || wanted == splits.train.image) return;
  const bool possible = wanted.rank() == 3 && (wanted[2] == 1 || wanted[2] == 3) &&
                        std::max(wanted[0], wanted[1]) <= 4096;
  check(possible, Failure::usage, splits.train.name, ": pictures of ", print(splits.train.image),
        " cannot be made ", print(wanted),
        "; expected 1 or 3 channels, at most 4096 pixels a side");
  splits.notes.push_back(join("pictures of ", print(splits.train.image), " made ", print(wanted)));
  convert(splits.train, wanted);
  convert(splits.test, wanted);
}

}  // namespace

Splits load(const std::string& name_or_folder, const Request& request) {
  Splits splits;
  if (name_or_folder == "strokes") {
    check(request.strokes_train > 0 && request.strokes_test > 0, Failure::usage,
          "strokes: expected at least one picture in each split, got ", request.strokes_train,
          " and ", request.strokes_test);
    splits.train = make_strokes(request.strokes_train, request.seed, Split::train);
    splits.test = make_strokes(request.strokes_test, request.seed, Split::test);
  } else {
    const Place place = locate(name_or_folder);
    splits.notes.push_back("read from " + place.folder.string());
    read_splits(place, request, splits);
    splits.train.name = splits.test.name =
        place.set != nullptr ? place.set->name : folder_name(name_or_folder);
    check(splits.train.image == splits.test.image, Failure::data, place.folder.string(),
          ": the training pictures are ", print(splits.train.image), ", the test pictures ",
          print(splits.test.image));
  }
  convert_as_asked(splits, request);
  return splits;
}

std::vector<Listing> list() {
  std::vector<Listing> all;
  for (const Published& set : published())
    all.push_back({set.name, set.description, set.image, set.class_count, find_set(set).string()});
  all.push_back({"strokes", "digits drawn by a program", {28, 28, 1}, 10, "built in"});
  return all;
}

fs::path get(const std::string& name, bool offline, const fs::path& destination) {
  const Published* set = find_published(name);
  std::string names;
  for (const Published& known : published()) names += " " + known.name;
  check(name != "strokes", Failure::data,
        "strokes is drawn by a program, there is nothing to fetch");
  check(set != nullptr, Failure::data, "'", name, "' is no data set to fetch; there are", names);
  const fs::path place = destination.empty() ? cache_folder() : destination;
  check(!place.empty(), Failure::failed,
        "no folder to fetch into: neither XDG_CACHE_HOME nor HOME is set");
  return fetch(*set, place, offline);
}

}  // namespace octet

#include <algorithm>

#include "datasets/catalog.h"
#include "datasets/cifar.h"
#include "datasets/idx.h"
#include "datasets/locate.h"
#include "datasets/strokes.h"
#include "framework/check.h"
#include "framework/parallel.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

// SHA-256 of the first thousand training pictures of `strokes` for seed 0, as drawn everywhere.
constexpr const char* strokes_digest =
    "489af9975b162aaf6256b6856cb5b4c13b66c31ad7f7efb63d4b0f405c5b81d2";

// SHA-256 of the sorted SHA-256s of all records: the same for any order and any cut into files.
std::string digest_records(const fs::path& folder, Split split) {
  std::vector<std::string> digests;
  const auto size = static_cast<std::size_t>(record_size(Cifar::ten));
  for (const fs::path& file : cifar_files(folder, Cifar::ten, split)) {
    const Bytes bytes = read_file(file);
    const std::size_t first = digests.size();
    digests.resize(first + bytes.size() / size);
    parallel_for(static_cast<std::int64_t>(bytes.size() / size), 64,
                 [&](std::int64_t from, std::int64_t to) {
                   for (auto i = static_cast<std::size_t>(from); i < static_cast<std::size_t>(to);
                        ++i)
                     digests[first + i] = sha256(bytes.data() + i * size, size);
                 });
  }
  std::sort(digests.begin(), digests.end());
  std::string all;
  for (const std::string& digest : digests) all += digest;
  return sha256(all.data(), all.size());
}

struct Content {
  std::string what, sha256;
};

std::string digest_file(const fs::path& file) {
  const Bytes bytes = read_file(file);
  return sha256(bytes.data(), bytes.size());
}

// In the order of Published::contents.
std::vector<Content> digest_contents(const Place& place) {
  std::vector<Content> contents;
  if (place.storage == Storage::idx) {
    const IdxFiles files = find_idx_files(place.folder);
    for (const fs::path& file :
         {files.train_images, files.train_labels, files.test_images, files.test_labels}) {
      const Bytes bytes = read_idx_file(file);
      contents.push_back({file.string(), sha256(bytes.data(), bytes.size())});
    }
  } else if (place.storage == Storage::cifar10) {
    for (const Split split : {Split::train, Split::test})
      contents.push_back({join(place.folder.string(), ", records of the ",
                               split == Split::train ? "training" : "test", " split"),
                          digest_records(place.folder, split)});
  } else {
    for (const char* file : {"train.bin", "test.bin"})
      contents.push_back({(place.folder / file).string(), digest_file(place.folder / file)});
  }
  return contents;
}

// Packed files can be compared as they are; a file that was packed anew is not proven wrong.
void compare_archives(const Place& place, std::vector<std::string>& lines) {
  for (const Archive& archive : place.set->archives) {
    const fs::path file = place.folder / archive.file;
    const bool same = fs::exists(file) && digest_file(file) == archive.sha256;
    lines.push_back(same ? join(file.string(), ": as published")
                         : join(place.folder.string(), ": no SHA-256 to compare the content of ",
                                archive.file, " with"));
  }
}

void compare_counts(const Place& place, const Dataset& dataset, std::int64_t expected) {
  const Published& set = *place.set;
  check(dataset.size() == expected && dataset.image == set.image, Failure::data,
        place.folder.string(), ": expected ", expected, " pictures of ", print(set.image), ", got ",
        dataset.size(), " of ", print(dataset.image));
}

std::string describe(const char* split, const Dataset& dataset) {
  return join(split, ": ", dataset.size(), " pictures of ", print(dataset.image), ", ",
              dataset.classes.size(), " classes");
}

std::string check_strokes() {
  const Dataset drawn = make_strokes(1000, 0, Split::train);
  const std::string digest = sha256(drawn.pixels.data(), drawn.pixels.size());
  check(digest == strokes_digest, Failure::mismatch,
        "strokes: drawn differently on this machine: expected the SHA-256 ", strokes_digest,
        ", got ", digest);
  return "strokes: drawn as everywhere, SHA-256 " + digest;
}

}  // namespace

std::vector<std::string> check_data(const std::string& name_or_folder) {
  if (name_or_folder == "strokes") return {check_strokes()};
  const Splits splits = load(name_or_folder, {});
  std::vector<std::string> lines = splits.notes;
  lines.push_back(describe("train", splits.train));
  lines.push_back(describe("test", splits.test));
  const Place place = locate(name_or_folder);
  if (place.set == nullptr) return lines;
  compare_counts(place, splits.train, place.set->train);
  compare_counts(place, splits.test, place.set->test);
  if (place.set->contents.empty()) {
    compare_archives(place, lines);
    return lines;
  }
  const std::vector<Content> contents = digest_contents(place);
  for (std::size_t i = 0; i < contents.size(); ++i) {
    check(contents[i].sha256 == place.set->contents[i], Failure::data, contents[i].what,
          ": expected content of SHA-256 ", place.set->contents[i], ", got ", contents[i].sha256);
    lines.push_back(contents[i].what + ": as published");
  }
  return lines;
}

}  // namespace octet

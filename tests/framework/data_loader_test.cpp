#include "framework/data_loader.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <numeric>

#include "framework/check.h"

using namespace octet;

namespace {

// Picture i holds i, i + 1 in its two channels and has the label i.
Dataset make(std::int32_t count) {
  Dataset set{.name = "made", .image = {1, 1, 2}, .pixels = {}, .labels = {}, .classes = {}};
  for (std::int32_t i = 0; i < count; ++i) {
    set.pixels.push_back(static_cast<std::uint8_t>(i));
    set.pixels.push_back(static_cast<std::uint8_t>(i + 1));
    set.labels.push_back(i);
    set.classes.push_back(std::to_string(i));
  }
  return set;
}

DataLoader::Options with(std::int64_t batch, bool shuffle = false, std::uint64_t seed = 0) {
  DataLoader::Options options;
  options.batch = batch;
  options.shuffle = shuffle;
  options.seed = seed;
  return options;
}

DataLoader::Options dropping(std::int64_t batch) {
  DataLoader::Options options = with(batch);
  options.drop_last = true;
  return options;
}

struct Epoch {
  std::vector<std::int32_t> labels;
  std::vector<std::size_t> sizes;
  std::vector<float> values;
};

Epoch drain(DataLoader& loader) {
  Epoch epoch;
  while (const Batch* batch = loader.next()) {
    CHECK(batch->images.shape() == Shape{static_cast<std::int64_t>(batch->labels.size()), 1, 1, 2});
    epoch.sizes.push_back(batch->labels.size());
    epoch.labels.insert(epoch.labels.end(), batch->labels.begin(), batch->labels.end());
    epoch.values.insert(epoch.values.end(), batch->images.floats(),
                        batch->images.floats() + batch->images.elements());
  }
  return epoch;
}

Epoch run(const Dataset& set, const DataLoader::Options& options, std::int64_t epoch,
          std::int64_t first = 0) {
  DataLoader loader(set, options);
  loader.start(epoch, first);
  return drain(loader);
}

}  // namespace

TEST_CASE("data loader: in order, normalised, the last batch short") {
  const Dataset set = make(10);
  DataLoader::Options options = with(4);
  options.normalization = {{0.5f, 0.25f}, {0.5f, 2.0f}};
  const Epoch epoch = run(set, options, 0);
  CHECK(epoch.sizes == std::vector<std::size_t>{4, 4, 2});
  for (std::int32_t i = 0; i < 10; ++i) {
    const auto at = static_cast<std::size_t>(i);
    CHECK(epoch.labels[at] == i);
    CHECK(epoch.values[2 * at] == (static_cast<float>(i) / 255.0f - 0.5f) / 0.5f);
    CHECK(epoch.values[2 * at + 1] == (static_cast<float>(i + 1) / 255.0f - 0.25f) / 2.0f);
  }
}

TEST_CASE("data loader: drop_last leaves out what does not fill a batch") {
  const Dataset set = make(10);
  DataLoader all(set, with(4)), whole(set, dropping(4));
  CHECK(all.batches() == 3);
  CHECK(all.pictures() == 10);
  CHECK(whole.batches() == 2);
  CHECK(whole.pictures() == 8);
  whole.start(0);
  CHECK(drain(whole).sizes == std::vector<std::size_t>{4, 4});
  CHECK(DataLoader(set, dropping(5)).batches() == 2);
  CHECK(DataLoader(set, dropping(11)).pictures() == 0);
}

TEST_CASE("data loader: a shuffle is a permutation that seed and epoch decide") {
  const Dataset set = make(100);
  const DataLoader::Options options = with(7, true, 3);
  const Epoch first = run(set, options, 2);
  CHECK(first.labels == run(set, options, 2).labels);
  CHECK(first.labels != run(set, options, 3).labels);
  CHECK(first.labels != run(set, with(7, true, 4), 2).labels);
  std::vector<std::int32_t> sorted = first.labels, numbers(100);
  std::iota(numbers.begin(), numbers.end(), 0);
  CHECK(sorted != numbers);
  std::sort(sorted.begin(), sorted.end());
  CHECK(sorted == numbers);
  for (std::size_t i = 0; i < 100; ++i)
    CHECK(first.values[2 * i] == static_cast<float>(first.labels[i]) / 255.0f);
}

TEST_CASE("data loader: a resumed epoch goes on where it would have been") {
  const Dataset set = make(50);
  DataLoader::Options options = with(8, true, 1);
  options.transform = [](const Shape&, std::uint8_t* picture, const PictureKey& key) {
    picture[0] = static_cast<std::uint8_t>(key.random);
  };
  const Epoch whole = run(set, options, 4);
  for (std::int64_t first = 0; first <= 7; ++first) {
    const Epoch rest = run(set, options, 4, first);
    const std::ptrdiff_t skipped = std::min<std::ptrdiff_t>(first * 8, 50);
    CHECK(rest.labels ==
          std::vector<std::int32_t>(whole.labels.begin() + skipped, whole.labels.end()));
    CHECK(rest.values ==
          std::vector<float>(whole.values.begin() + 2 * skipped, whole.values.end()));
  }
  // Starting again in the middle of an epoch forgets the old one.
  DataLoader loader(set, options);
  loader.start(1);
  CHECK(loader.next() != nullptr);
  loader.start(4);
  CHECK(drain(loader).labels == whole.labels);
}

TEST_CASE("data loader: a transform's key depends on seed, epoch and place in the data set") {
  const Dataset set = make(40);
  const auto keys = [&](std::int64_t batch, bool shuffle, std::uint64_t seed, std::int64_t epoch) {
    std::map<int, std::uint64_t> found;
    std::mutex mutex;
    DataLoader::Options options = with(batch, shuffle, seed);
    options.transform = [&](const Shape&, std::uint8_t* picture, const PictureKey& key) {
      const std::lock_guard lock(mutex);
      found[picture[0]] = key.random;
      picture[0] = 200;
    };
    const Epoch read = run(set, options, epoch);
    CHECK(read.values[0] == 200 / 255.0f);
    return found;
  };
  const auto plain = keys(40, false, 1, 0);
  CHECK(plain.size() == 40);
  CHECK(plain == keys(7, true, 1, 0));
  CHECK(plain != keys(40, false, 2, 0));
  CHECK(plain != keys(40, false, 1, 1));
  CHECK(set.pixels == make(40).pixels);
}

TEST_CASE("data loader: what goes wrong in the background arrives at next") {
  const Dataset set = make(10);
  DataLoader::Options options = with(2);
  options.transform = [](const Shape&, std::uint8_t* picture, const PictureKey&) {
    check(picture[0] != 5, Failure::data, "picture 5 is bad");
  };
  DataLoader loader(set, options);
  loader.start(0);
  CHECK(loader.next() != nullptr);
  CHECK(loader.next() != nullptr);
  CHECK_THROWS_WITH(loader.next(), "picture 5 is bad");
}

TEST_CASE("data loader: without start the first epoch begins, and it ends with null") {
  const Dataset set = make(3);
  DataLoader loader(set, with(2));
  CHECK(drain(loader).labels == std::vector<std::int32_t>{0, 1, 2});
  CHECK(loader.next() == nullptr);
}

TEST_CASE("data loader: options are checked") {
  const Dataset set = make(3);
  CHECK_THROWS_AS(DataLoader(set, with(0)), Error);
  DataLoader::Options options;
  options.normalization = {{0.5f}, {0.5f}};
  CHECK_THROWS_AS(DataLoader(set, options), Error);
}

#include "datasets/catalog.h"

#include <algorithm>

#include "datasets/strokes.h"
#include "framework/image.h"
#include "tests/datasets/helpers.h"

using namespace octet;

namespace {

namespace fs = std::filesystem;

// Two pictures of 28 x 28 for each split.
void put_idx(const fs::path& folder) {
  for (const char* split : {"train", "t10k"}) {
    Bytes images{0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28};
    images.resize(16 + 2 * 784, 100);
    put(folder / (std::string(split) + "-images-idx3-ubyte"), images);
    put(folder / (std::string(split) + "-labels-idx1-ubyte"), {0, 0, 8, 1, 0, 0, 0, 2, 1, 0});
  }
}

void put_cifar10(const fs::path& folder) {
  for (const char* file : {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                           "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"}) {
    Bytes record(3073, 50);
    record[0] = 3;
    put(folder / file, record);
  }
}

void put_pictures(const fs::path& folder) {
  for (const char* name : {"cat", "dog"})
    for (const char* file : {"1.png", "2.png", "3.png"}) {
      fs::create_directories(folder / name);
      write_png(folder / name / file, {{3, 3, 3}, std::vector<std::uint8_t>(27, 7)});
    }
}

// A process that finds no data but in `folder`.
struct Isolated {
  TemporaryFolder folder;
  Environment data{"OCTET_DATA", folder.path().c_str()};
  Environment cache{"XDG_CACHE_HOME", (folder / "cache").c_str()};
};

std::string load_error(const std::string& name, const Request& request = {}) {
  return error_of(Failure::data, [&] { load(name, request); });
}

}  // namespace

TEST_CASE("catalog: strokes always works") {
  const Splits splits = load("strokes", {.seed = 4, .strokes_train = 30, .strokes_test = 20});
  CHECK(splits.train.size() == 30);
  CHECK(splits.test.size() == 20);
  CHECK(splits.train.pixels == make_strokes(30, 4, Split::train).pixels);
  CHECK(splits.test.pixels == make_strokes(20, 4, Split::test).pixels);
  CHECK(check_data("strokes").size() == 1);
}

TEST_CASE("catalog: pictures are made the size and colour that is asked") {
  const Request asked{.image = {32, 40, 3}, .strokes_train = 10, .strokes_test = 10};
  const Splits splits = load("strokes", asked);
  CHECK(splits.train.image == asked.image);
  CHECK(splits.test.image == asked.image);
  REQUIRE(splits.train.pixels.size() == 10 * 32 * 40 * 3);
  CHECK(splits.notes.size() == 1);
  const Dataset stored = make_strokes(10, 0, Split::train);
  const Image grey = fit({{28, 28, 1}, {stored.picture(7), stored.picture(8)}}, 32, 40);
  for (std::size_t i = 0; i < grey.pixels.size(); ++i)
    for (std::size_t c = 0; c < 3; ++c)
      REQUIRE(splits.train.picture(7)[i * 3 + c] == grey.pixels[i]);
  error_of(Failure::usage, [] { load("strokes", {.image = {28, 28, 2}, .strokes_train = 9}); });
  error_of(Failure::usage, [] { load("strokes", {.image = {28, 28}, .strokes_train = 9}); });
  error_of(Failure::usage, [] { load("strokes", {.strokes_test = 0}); });
}

TEST_CASE("catalog: a missing name says what was looked for and what helps") {
  const Isolated nothing;
  const std::string missing = load_error("mnist");
  for (const char* part : {"mnist: not found", "MNIST/raw", nothing.folder.path().c_str(), "./data",
                           "/cache/octet", "`octet data get mnist` fetches it", "`strokes`"})
    CHECK(contains(missing, part));
  const std::string unknown = load_error("imagenet");
  for (const char* part :
       {"'imagenet'", "mnist, fashion-mnist, kmnist, cifar10, cifar100, strokes", "octet data get"})
    CHECK(contains(unknown, part));
  const Environment unset("OCTET_DATA", nullptr);
  CHECK(contains(load_error("cifar10"), "$OCTET_DATA is not set"));
}

TEST_CASE("catalog: names are found in their folders, in order") {
  const Isolated here;
  put_idx(here.folder / "cache/octet/mnist");
  CHECK(contains(load("mnist", {}).notes[0], "cache/octet/mnist"));
  put_idx(here.folder / "MNIST/raw");
  const Splits splits = load("mnist", {.image = {14, 14, 3}});
  CHECK(contains(splits.notes[0], "MNIST/raw"));
  CHECK(splits.train.name == "mnist");
  CHECK(splits.train.classes.size() == 10);
  CHECK(splits.train.image == Shape{14, 14, 3});
  CHECK(splits.test.labels == std::vector<std::int32_t>{1, 0});
  put_cifar10(here.folder / "cifar10/cifar-10-batches-bin");
  const Splits grey = load("cifar10", {.image = {32, 32, 1}});
  CHECK(grey.train.size() == 5);
  CHECK(grey.train.pixels == std::vector<std::uint8_t>(5 * 1024, 50));
  std::size_t found = 0;
  for (const Listing& listing : list()) {
    const bool expected = listing.name == "mnist" || listing.name == "cifar10";
    CHECK((listing.where.empty() || expected || listing.name == "strokes"));
    found += !listing.where.empty();
  }
  CHECK(list().size() == 6);
  CHECK(found == 3);
}

TEST_CASE("catalog: folders are recognised by their content") {
  const TemporaryFolder folder;
  put_idx(folder / "digits");
  put_idx(folder / "torch/MNIST/raw");
  put_cifar10(folder / "photos");
  put_pictures(folder / "mine");
  fs::create_directories(folder / "nothing");
  CHECK(load(folder / "digits", {}).train.classes.size() == 2);
  CHECK(load(folder / "torch", {}).train.size() == 2);
  CHECK(load((folder / "photos").string() + "/", {}).train.name == "photos");
  const Splits mine = load(folder / "mine", {.image = {2, 2, 1}, .hold_out = 0.34});
  CHECK(mine.train.classes == std::vector<std::string>{"cat", "dog"});
  CHECK(mine.train.size() == 4);
  CHECK(mine.test.size() == 2);
  CHECK(mine.train.image == Shape{2, 2, 1});
  CHECK(load(folder / "mine", {}).train.image == Shape{32, 32, 3});
  CHECK(contains(load_error(folder / "nothing"), "expected IDX files, CIFAR binaries"));
  fs::remove(folder / "photos/data_batch_3.bin");
  CHECK(contains(load_error(folder / "photos"), "data_batch_3.bin"));
  write_file(folder / "mine/cat/4.png", "bad");
  CHECK(contains(load_error(folder / "mine"), "4.png"));
  CHECK(contains(load(folder / "mine", {.skip_bad = true}).notes[2], "1 unreadable pictures"));
  put_pictures(folder / "split/train");
  put_pictures(folder / "split/test");
  fs::remove_all(folder / "split/test/dog");
  const std::vector<std::string> notes = load(folder / "split", {}).notes;
  CHECK(std::any_of(notes.begin(), notes.end(), [](const std::string& note) {
    return contains(note, "test: no pictures of 1 of the 2 classes, such as 'dog'");
  }));
}

TEST_CASE("catalog: check compares with what was published") {
  const Isolated here;
  put_idx(here.folder / "mnist");
  CHECK(contains(error_of(Failure::data, [] { check_data("mnist"); }),
                 "expected 60000 pictures of 28x28x1, got 2 of 28x28x1"));
  const std::vector<std::string> lines = check_data(here.folder / "mnist");
  CHECK(contains(lines.back(), "test: 2 pictures of 28x28x1, 2 classes"));
}

TEST_CASE("catalog: get names what it knows") {
  CHECK(contains(error_of(Failure::data, [] { get("imagenet"); }), "there are mnist"));
  error_of(Failure::data, [] { get("strokes"); });
  const TemporaryFolder folder;
  CHECK(contains(error_of(Failure::data, [&] { get("mnist", true, folder.path()); }),
                 "nothing is fetched offline"));
  CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("catalog: the real data is what was published") {
  const char* data = std::getenv("OCTET_DATA");
  for (const char* name : {"mnist", "cifar10"}) {
    bool here = false;
    for (const Listing& listing : list())
      here |= data != nullptr && listing.name == name && listing.where.starts_with(data);
    if (here)
      CHECK(contains(check_data(name).back(), "as published"));
    else
      MESSAGE("no ", name, " in $OCTET_DATA, skipped");
  }
}

#include "datasets/image_folder.h"

#include <algorithm>

#include "framework/image.h"
#include "framework/parallel.h"
#include "tests/datasets/helpers.h"

using namespace octet;

namespace {

void put_picture(const std::filesystem::path& file, std::uint8_t value) {
  std::filesystem::create_directories(file.parent_path());
  write_png(file, {{4, 4, 3}, std::vector<std::uint8_t>(48, value)});
}

void put_text(const std::filesystem::path& file, const std::string& text) {
  put(file, Bytes(text.begin(), text.end()));
}

ImageFolderOptions small() { return {.height = 2, .width = 2, .channels = 1}; }

std::string refusal(const TemporaryFolder& folder, const ImageFolderOptions& options = small()) {
  return error_of(Failure::data, [&] { read_image_folder(folder.path(), options); });
}

}  // namespace

TEST_CASE("image folder: train and val, classes bytewise, pictures in order") {
  const TemporaryFolder folder;
  put_picture(folder / "train/b/2.png", 20);
  put_picture(folder / "train/b/10.PNG", 10);
  put_picture(folder / "train/a/deep/1.png", 30);
  put_picture(folder / "train/B/1.png", 40);
  put_picture(folder / "train/.hidden/1.png", 99);
  put_text(folder / "train/b/notes.txt", "no picture");
  put_text(folder / "train/b/3.ppm", "P6 1 1 255\nabc");
  put_picture(folder / "val/b/1.png", 50);
  put_picture(folder / "test/a/1.png", 60);
  CHECK(is_image_folder(folder.path()));
  const ImageFolder read = read_image_folder(folder.path(), small());
  CHECK(read.train.classes == std::vector<std::string>{"B", "a", "b"});
  CHECK(read.train.labels == std::vector<std::int32_t>{0, 1, 2, 2, 2});
  CHECK(read.train.image == Shape{2, 2, 1});
  CHECK(read.train.name == folder.path().filename().string());
  std::vector<std::uint8_t> firsts;
  for (std::int64_t i = 0; i < read.train.size(); ++i) firsts.push_back(read.train.picture(i)[0]);
  CHECK(firsts == std::vector<std::uint8_t>{40, 30, 10, 20, 'b' - 1});
  CHECK(read.test_folder == "val");
  CHECK(read.test.labels == std::vector<std::int32_t>{2});
  CHECK(read.test.classes == read.train.classes);
  CHECK(read.test.picture(0)[3] == 50);
  CHECK(read.untested == std::vector<std::string>{"B", "a"});
}

TEST_CASE("image folder: without a test folder a seeded share is held out") {
  const TemporaryFolder folder;
  for (int i = 0; i < 20; ++i) {
    put_picture(folder / ("cat/" + std::to_string(i) + ".png"), static_cast<std::uint8_t>(i));
    put_picture(folder / ("dog/" + std::to_string(i) + ".png"), static_cast<std::uint8_t>(100 + i));
  }
  CHECK(is_image_folder(folder.path()));
  ImageFolderOptions options = small();
  options.hold_out = 0.25;
  set_threads(1);
  const ImageFolder one = read_image_folder(folder.path(), options);
  set_threads(3);
  const ImageFolder three = read_image_folder(folder.path(), options);
  set_threads(available_processors());
  CHECK(one.test_folder.empty());
  CHECK(one.test.size() == 10);
  CHECK(one.train.size() == 30);
  CHECK(std::count(one.test.labels.begin(), one.test.labels.end(), 0) == 5);
  CHECK(one.train.pixels == three.train.pixels);
  CHECK(one.test.pixels == three.test.pixels);
  options.seed = 1;
  CHECK(read_image_folder(folder.path(), options).test.pixels != one.test.pixels);
}

TEST_CASE("image folder: an unreadable picture is named, or left out when asked") {
  const TemporaryFolder folder;
  put_text(folder / "a/2.jpg", "this is no picture");
  put_text(folder / "a/3.jpg", "nor this");
  put_picture(folder / "a/1.png", 1);
  put_picture(folder / "a/4.png", 4);
  put_picture(folder / "b/1.png", 5);
  put_picture(folder / "b/2.png", 6);
  for (int repeat = 0; repeat < 5; ++repeat) CHECK(contains(refusal(folder), "a/2.jpg: expected"));
  ImageFolderOptions options = small();
  options.skip_bad = true;
  const ImageFolder read = read_image_folder(folder.path(), options);
  REQUIRE(read.skipped.size() == 2);
  CHECK(contains(read.skipped[0], "a/2.jpg"));
  CHECK(read.train.size() + read.test.size() == 4);
  CHECK(read.train.pixels.size() == static_cast<std::size_t>(read.train.size()) * 4);
  put_text(folder / "c/1.jpg", "not a picture at all");
  CHECK(contains(refusal(folder, options), "no picture can be read"));
}

TEST_CASE("image folder: wrong folders") {
  const TemporaryFolder folder;
  CHECK(!is_image_folder(folder.path()));
  CHECK(contains(refusal(folder), "two or more classes, found 0"));
  put_picture(folder / "train/a/1.png", 1);
  CHECK(contains(refusal(folder), "two or more classes, found 1"));
  std::filesystem::create_directories(folder / "train/b");
  CHECK(contains(refusal(folder), "expected pictures of the class 'b', found none"));
  put_picture(folder / "train/b/1.png", 1);
  std::filesystem::create_directories(folder / "valid");
  CHECK(contains(refusal(folder), "valid: expected class folders with pictures, found none"));
  put_picture(folder / "valid/c/1.png", 1);
  CHECK(contains(refusal(folder), "the training folder has no class 'c'"));
}

TEST_CASE("image folder: options out of range") {
  const TemporaryFolder folder;
  for (const ImageFolderOptions& options :
       {ImageFolderOptions{.channels = 2}, ImageFolderOptions{.height = 0},
        ImageFolderOptions{.width = 5000}, ImageFolderOptions{.hold_out = 1.0}})
    error_of(Failure::usage, [&] { read_image_folder(folder.path(), options); });
}

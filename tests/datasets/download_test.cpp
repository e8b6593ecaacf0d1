#include "datasets/download.h"

#include <fstream>

#include "tests/datasets/helpers.h"

using namespace octet;

namespace {

namespace fs = std::filesystem;

std::string sha256_of(const std::string& text) { return sha256(text.data(), text.size()); }

std::string url(const fs::path& file) { return "file://" + file.string(); }

std::string text_of(const fs::path& file) {
  const Bytes bytes = read_file(file);
  return {bytes.begin(), bytes.end()};
}

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

// A set of one archive at the given addresses.
Published make_set(const std::string& file, const std::string& sum, std::vector<std::string> urls) {
  return {.name = "made",
          .description = "",
          .storage = Storage::idx,
          .image = {1, 1, 1},
          .train = 1,
          .test = 1,
          .classes = {},
          .class_count = 1,
          .folders = {"made"},
          .archives = {{file, sum, std::move(urls)}},
          .contents = {}};
}

}  // namespace

TEST_CASE("download: a file with the right SHA-256 arrives, and only once") {
  const TemporaryFolder folder;
  write_file(folder / "source", "the content");
  const Archive archive{"a.gz", sha256_of("the content"), {url(folder / "source")}};
  download(archive, folder / "to");
  CHECK(text_of(folder / "to/a.gz") == "the content");
  fs::remove(folder / "source");
  download(archive, folder / "to");  // it is there: nothing is asked of the network
  CHECK(entries(folder / "to") == 1);
}

TEST_CASE("download: mirrors are tried in turn") {
  const TemporaryFolder folder;
  write_file(folder / "wrong", "something else");
  write_file(folder / "right", "the content");
  download({"a",
            sha256_of("the content"),
            {url(folder / "absent"), url(folder / "wrong"), url(folder / "right")}},
           folder / "to");
  CHECK(text_of(folder / "to/a") == "the content");
  CHECK(entries(folder / "to") == 1);
}

TEST_CASE("download: wrong content never gets the name, and what was there stays") {
  const TemporaryFolder folder;
  write_file(folder / "source", "forged");
  put(folder / "to/a", {'o', 'l', 'd'});
  const Archive archive{"a", sha256_of("the content"), {url(folder / "source")}};
  const std::string message = error_of(Failure::data, [&] { download(archive, folder / "to"); });
  CHECK(contains(message, "expected the SHA-256 " + archive.sha256));
  CHECK(contains(message, sha256_of("forged")));
  CHECK(text_of(folder / "to/a") == "old");
  CHECK(entries(folder / "to") == 1);
}

TEST_CASE("download: addresses that do not answer") {
  const TemporaryFolder folder;
  const Archive archive{"a", sha256_of("x"), {url(folder / "absent")}};
  const std::string message = error_of(Failure::failed, [&] { download(archive, folder / "to"); });
  CHECK(contains(message, "a was not fetched; file://"));
  CHECK(contains(message, "curl"));
  CHECK(fs::is_empty(folder / "to"));
}

TEST_CASE("download: a missing curl program is named") {
  const TemporaryFolder folder;
  const Environment path("PATH", folder.path().c_str());
  const Archive archive{"a", sha256_of("x"), {"file:///nothing"}};
  CHECK(contains(error_of(Failure::failed, [&] { download(archive, folder / "to"); }),
                 "'curl' is needed"));
}

TEST_CASE("fetch: a .tar.gz becomes its folder") {
  const TemporaryFolder folder;
  put(folder / "made/data.bin", {1, 2, 3});
  const std::string pack = "tar -C '" + folder.path().string() + "' -czf '" +
                           (folder / "made.tar.gz").string() + "' made";
  REQUIRE(std::system(pack.c_str()) == 0);
  const std::string sum = sha256_of(text_of(folder / "made.tar.gz"));
  const Published set = make_set("made.tar.gz", sum, {url(folder / "made.tar.gz")});
  const fs::path place = fetch(set, folder / "to", false);
  CHECK(place == folder / "to/made");
  CHECK(read_file(place / "data.bin") == Bytes{1, 2, 3});
  CHECK(entries(folder / "to") == 1);  // neither the archive nor a temporary folder
  fs::remove(folder / "made.tar.gz");
  CHECK(fetch(set, folder / "to", true) == place);
}

TEST_CASE("fetch: an archive that tar refuses leaves nothing behind") {
  const TemporaryFolder folder;
  write_file(folder / "made.tar.gz", "no archive");
  const Published set =
      make_set("made.tar.gz", sha256_of("no archive"), {url(folder / "made.tar.gz")});
  CHECK(contains(error_of(Failure::failed, [&] { fetch(set, folder / "to", false); }),
                 "made.tar.gz: cannot be unpacked"));
  CHECK(!fs::exists(folder / "to/made"));
  CHECK(entries(folder / "to") == 1);  // the archive, whose content is right
}

TEST_CASE("fetch: offline and unpublished sets are refused before anything is asked") {
  const TemporaryFolder folder;
  write_file(folder / "a.gz", "x");
  const Published set = make_set("a.gz", sha256_of("x"), {url(folder / "a.gz")});
  const std::string offline = error_of(Failure::data, [&] { fetch(set, folder / "to", true); });
  CHECK(contains(offline, "made: a.gz is missing and nothing is fetched offline"));
  CHECK(!fs::exists(folder / "to"));
  CHECK(fetch(set, folder / "to", false) == folder / "to/made");
  CHECK(fetch(set, folder / "to", true) == folder / "to/made");
  for (const Published& bare : {make_set("b.gz", "", {"file:///x"}), make_set("b.gz", "0", {})})
    CHECK(contains(error_of(Failure::data, [&] { fetch(bare, folder / "to", false); }),
                   "no published SHA-256 and address"));
}

#include "framework/files.h"

#include <sys/resource.h>

#include <csignal>

#include "framework/check.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

TEST_CASE("files: what is written is read, over what was there") {
  const TemporaryFolder folder;
  write_file(folder / "a", "first");
  write_file(folder / "a", "second");
  const Bytes bytes = read_file(folder / "a");
  CHECK(std::string(bytes.begin(), bytes.end()) == "second");
  int entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path()))
    ++entries;
  CHECK(entries == 1);
  CHECK_THROWS_AS(read_file(folder / "a", 3), Error);
  CHECK_THROWS_AS(read_file(folder / "missing"), Error);
  CHECK_THROWS_AS(read_file(folder.path()), Error);
}

TEST_CASE("files: what cannot be written leaves nothing behind") {
  const TemporaryFolder folder;
  CHECK_THROWS_AS(write_file(folder / "no/such/folder", "x"), Error);
  std::filesystem::create_directory(folder / "taken");
  write_file(folder / "taken/inside", "x");
  CHECK_THROWS_AS(write_file(folder / "taken", "x"), Error);  // a folder is in the way
  int entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path()))
    ++entries;
  CHECK(entries == 1);
}

TEST_CASE("files: a disk that fills up while writing leaves the old file and nothing else") {
  const TemporaryFolder folder;
  write_file(folder / "model", "old");
  // A limit on the size of files stands in for the disk's end: write() takes some, then fails.
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{100000, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  const std::string large(1 << 20, 'x');
  std::string message;
  try {
    write_file(folder / "model", large);
  } catch (const Error& error) {
    message = error.what();
    CHECK(error.kind == Failure::failed);
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(message.find("model: cannot be written") != std::string::npos);
  CHECK(read_file(folder / "model").size() == 3);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("files: SHA-256 of the standard's examples") {
  CHECK(sha256("abc", 3) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256("", 0) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

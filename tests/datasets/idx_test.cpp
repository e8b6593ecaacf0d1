#include "datasets/idx.h"

#include <zlib.h>

#include "tests/datasets/helpers.h"

using namespace octet;

namespace {

void append_big_endian(Bytes& bytes, std::uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8)
    bytes.push_back(static_cast<std::uint8_t>(number >> shift));
}

Bytes make_images(std::uint32_t count, std::uint32_t rows, std::uint32_t columns) {
  Bytes bytes;
  for (const std::uint32_t number : {0x803u, count, rows, columns})
    append_big_endian(bytes, number);
  for (std::uint32_t i = 0; i < count * rows * columns; ++i)
    bytes.push_back(static_cast<std::uint8_t>(i * 7));
  return bytes;
}

Bytes make_labels(const std::vector<std::uint8_t>& labels) {
  Bytes bytes;
  append_big_endian(bytes, 0x801);
  append_big_endian(bytes, static_cast<std::uint32_t>(labels.size()));
  bytes.insert(bytes.end(), labels.begin(), labels.end());
  return bytes;
}

Bytes gzip(const Bytes& bytes) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes packed(bytes.size() + 1000);
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<uInt>(packed.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

// Four training pictures of 3 classes and two test pictures of 2.
void put_set(const std::filesystem::path& folder) {
  put(folder / "train-images-idx3-ubyte", make_images(4, 3, 2));
  put(folder / "train-labels-idx1-ubyte", make_labels({0, 2, 1, 0}));
  put(folder / "t10k-images-idx3-ubyte", make_images(2, 3, 2));
  put(folder / "t10k-labels-idx1-ubyte", make_labels({1, 0}));
}

}  // namespace

TEST_CASE("idx: pictures and labels are read as they lie") {
  const IdxImages images = parse_idx_images(make_images(2, 3, 2), "x");
  CHECK(images.image == Shape{3, 2, 1});
  REQUIRE(images.pixels.size() == 12);
  CHECK(images.pixels[11] == 77);
  CHECK(parse_idx_labels(make_labels({3, 9}), "x") == std::vector<std::uint8_t>{3, 9});
}

TEST_CASE("idx: what the header says must fit the file") {
  const auto images_error = [](Bytes bytes) {
    return error_of(Failure::data, [&] { parse_idx_images(bytes, "here.idx"); });
  };
  const Bytes good = make_images(2, 3, 2);
  CHECK(contains(images_error({}), "here.idx: expected an IDX header of 16 bytes, got 0"));
  CHECK(contains(images_error(make_labels({1, 2, 3, 4, 5, 6, 7, 8})), "magic 2051"));
  Bytes longer = good, shorter = good, empty = make_images(0, 3, 2);
  longer.push_back(0);
  shorter.pop_back();
  CHECK(contains(images_error(longer), "promises 28 bytes, the file has 29"));
  CHECK(contains(images_error(shorter), "promises 28 bytes, the file has 27"));
  CHECK(contains(images_error(empty), "holds nothing"));
  Bytes absurd;
  for (const std::uint32_t number : {0x803u, 0xffffffffu, 4096u, 4096u})
    append_big_endian(absurd, number);
  CHECK(contains(images_error(absurd), "promises 72057594021150736 bytes"));
  Bytes wide;
  for (const std::uint32_t number : {0x803u, 1u, 0xffffffffu, 1u}) append_big_endian(wide, number);
  CHECK(contains(images_error(wide), "4294967295 x 1"));
  Bytes labels = make_labels({1, 2});
  labels.pop_back();
  CHECK(contains(error_of(Failure::data, [&] { parse_idx_labels(labels, "l"); }), "l: the header"));
}

TEST_CASE("idx: gunzip undoes gzip and refuses anything else") {
  const Bytes good = make_images(50, 20, 20), packed = gzip(good);
  CHECK(gunzip(packed, "x", good.size()) == good);
  Bytes twice = packed, both = good;
  twice.insert(twice.end(), packed.begin(), packed.end());
  both.insert(both.end(), good.begin(), good.end());
  CHECK(gunzip(twice, "x", 1 << 20) == both);
  const auto refused = [](const Bytes& bytes, std::uint64_t most) {
    return error_of(Failure::data, [&] { gunzip(bytes, "a.gz", most); });
  };
  CHECK(contains(refused(packed, good.size() - 1), "a.gz: expected at most"));
  for (const std::size_t size : {std::size_t{0}, std::size_t{5}, packed.size() - 1})
    CHECK(contains(
        refused({packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(size)}, 1 << 20),
        "a.gz: the gzip data is cut short"));
  Bytes trailing = packed, flipped = packed;
  trailing.insert(trailing.end(), {1, 2, 3, 4});
  flipped[packed.size() - 6] ^= 1;  // the checksum
  CHECK(contains(refused(trailing, 1 << 20), "a.gz: the gzip data is damaged"));
  CHECK(contains(refused(flipped, 1 << 20), "a.gz: the gzip data is damaged"));
}

TEST_CASE("idx: a folder is read in every spelling") {
  const TemporaryFolder folder;
  put_set(folder.path());
  const Dataset plain = read_idx_folder(folder.path(), Split::train);
  CHECK(plain.image == Shape{3, 2, 1});
  CHECK(plain.labels == std::vector<std::int32_t>{0, 2, 1, 0});
  CHECK(plain.classes == std::vector<std::string>{"0", "1", "2"});
  const TemporaryFolder other;
  put(other / "train-images.idx3-ubyte.gz", gzip(make_images(4, 3, 2)));
  put(other / "train-labels.idx1-ubyte", make_labels({0, 2, 1, 0}));
  const Dataset packed = read_idx_folder(other.path(), Split::train);
  CHECK(packed.pixels == plain.pixels);
  CHECK(packed.labels == plain.labels);
  CHECK(contains(error_of(Failure::data, [&] { read_idx_folder(other.path(), Split::test); }),
                 "t10k-images-idx3-ubyte"));
}

TEST_CASE("idx: a class missing from the test split does not change the number of classes") {
  const TemporaryFolder folder;
  put_set(folder.path());
  CHECK(read_idx_folder(folder.path(), Split::test).classes.size() == 3);
  put(folder / "t10k-labels-idx1-ubyte", make_labels({1, 3}));
  CHECK(contains(error_of(Failure::data, [&] { read_idx_folder(folder.path(), Split::test); }),
                 "t10k-labels-idx1-ubyte: expected labels below 3, got 3"));
  CHECK(contains(error_of(Failure::data,
                          [&] {
                            read_idx_folder(folder.path(), Split::train, {"a", "b"});
                          }),
                 "train-labels-idx1-ubyte: expected labels below 2, got 2"));
}

TEST_CASE("idx: as many labels as pictures") {
  const TemporaryFolder folder;
  put_set(folder.path());
  put(folder / "train-labels-idx1-ubyte", make_labels({0, 2, 1}));
  CHECK(contains(error_of(Failure::data, [&] { read_idx_folder(folder.path(), Split::train); }),
                 "expected 4 labels, one for each picture of train-images-idx3-ubyte, got 3"));
}

TEST_CASE("idx: EMNIST is stood up, two sets in a folder are refused") {
  const TemporaryFolder folder;
  put(folder / "emnist-digits-test-images-idx3-ubyte", make_images(1, 3, 2));
  put(folder / "emnist-digits-test-labels-idx1-ubyte", make_labels({1}));
  const Dataset set = read_idx_folder(folder.path(), Split::test);
  CHECK(set.image == Shape{2, 3, 1});
  CHECK(set.pixels == std::vector<std::uint8_t>{0, 14, 28, 7, 21, 35});
  put_set(folder.path());
  CHECK(contains(error_of(Failure::data, [&] { read_idx_folder(folder.path(), Split::test); }),
                 "expected the files of one data set"));
}

TEST_CASE("idx: damaged bytes are read or refused, nothing else") {
  const Bytes images = make_images(3, 5, 4), labels = make_labels({1, 2, 3, 4, 5, 6, 7});
  fuzz(images, 4000, [](const Bytes& bytes) {
    const IdxImages read = parse_idx_images(bytes, "fuzz");
    CHECK(read.pixels.size() % static_cast<std::size_t>(read.image.elements()) == 0);
  });
  fuzz(labels, 4000, [](const Bytes& bytes) { parse_idx_labels(bytes, "fuzz"); });
  fuzz(gzip(images), 4000, [](const Bytes& bytes) { gunzip(bytes, "fuzz", 1 << 16); });
}

TEST_CASE("idx: the real MNIST") {
  const char* data = std::getenv("OCTET_DATA");
  const auto folder = std::filesystem::path(data != nullptr ? data : "") / "mnist";
  if (data == nullptr || !std::filesystem::exists(folder)) {
    MESSAGE("no mnist in $OCTET_DATA, skipped");
    return;
  }
  const Dataset train = read_idx_folder(folder, Split::train);
  CHECK(train.size() == 60000);
  CHECK(train.image == Shape{28, 28, 1});
  CHECK(train.classes.size() == 10);
  CHECK(train.labels[0] == 5);
  CHECK(read_idx_folder(folder, Split::test).size() == 10000);
}

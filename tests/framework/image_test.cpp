#include "framework/image.h"

#include <fstream>

#include "tests/datasets/helpers.h"

using namespace octet;

namespace {

Image noise(std::int64_t height, std::int64_t width, std::int64_t channels) {
  Image image{{height, width, channels}, {}};
  for (std::uint32_t i = 0; i < image.shape.elements(); ++i)
    image.pixels.push_back(static_cast<std::uint8_t>(random_bits(7, i)));
  return image;
}

Image read_bytes(const TemporaryFolder& folder, const Bytes& bytes, int channels) {
  // Not write_file: it waits for the disk, and the fuzzing below writes many.
  std::ofstream(folder / "p", std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  return read_image(folder / "p", channels);
}

Bytes bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

// A 2 x 2 BMP of 24 bits: rows from the bottom, blue first, padded to 8 bytes.
Bytes make_bmp() {
  Bytes bytes = bytes_of("BM");
  const auto number = [&](std::uint32_t value, int size) {
    for (int i = 0; i < size; ++i) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  };
  for (const std::uint32_t value : {70u, 0u, 54u, 40u, 2u, 2u}) number(value, 4);
  number(1, 2);
  number(24, 2);
  for (const std::uint32_t value : {0u, 16u, 0u, 0u, 0u, 0u}) number(value, 4);
  bytes.insert(bytes.end(), {7, 8, 9, 10, 11, 12, 0, 0, 1, 2, 3, 4, 5, 6, 0, 0});
  return bytes;
}

// An 8 x 8 grey JPEG of one colour: a DC code (a difference of 96, so 128 + 96 / 8) and an end.
Bytes make_jpeg() {
  Bytes bytes{0xff, 0xd8, 0xff, 0xdb, 0, 67, 0};
  bytes.insert(bytes.end(), 64, 1);
  bytes.insert(bytes.end(), {0xff, 0xc0, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0});
  for (const std::uint8_t table : {std::uint8_t{0x00}, std::uint8_t{0x10}}) {
    bytes.insert(bytes.end(), {0xff, 0xc4, 0, 20, table, 1});
    bytes.insert(bytes.end(), 15, 0);
    bytes.push_back(table == 0 ? 7 : 0);
  }
  bytes.insert(bytes.end(), {0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 0x60, 0x7f, 0xff, 0xd9});
  return bytes;
}

}  // namespace

TEST_CASE("image: PNG goes out and comes back") {
  const TemporaryFolder folder;
  for (const int channels : {1, 3}) {
    const Image image = noise(5, 9, channels);
    write_png(folder / "a.png", image);
    const Image back = read_image(folder / "a.png", channels);
    CHECK(back.shape == image.shape);
    CHECK(back.pixels == image.pixels);
  }
}

TEST_CASE("image: grey from colours, colours from grey, alpha dropped") {
  const TemporaryFolder folder;
  write_png(folder / "grey.png", {{1, 2, 1}, {10, 20}});
  CHECK(read_image(folder / "grey.png", 3).pixels ==
        std::vector<std::uint8_t>{10, 10, 10, 20, 20, 20});
  write_png(folder / "rgba.png", {{1, 2, 4}, {1, 2, 3, 0, 4, 5, 6, 128}});
  CHECK(read_image(folder / "rgba.png", 3).pixels == std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6});
  write_png(folder / "rgb.png", {{1, 1, 3}, {200, 100, 50}});
  const std::vector<std::uint8_t> grey{(200 * 77 + 100 * 150 + 50 * 29) >> 8};
  CHECK(read_image(folder / "rgb.png", 1).pixels == grey);
  CHECK(read_bytes(folder, bytes_of("P6 1 1 255\n\xc8\x64\x32"), 1).pixels == grey);
}

TEST_CASE("image: PNM in 8 and 16 bits, with comments and small ranges") {
  const TemporaryFolder folder;
  CHECK(read_bytes(folder, bytes_of("P5\n# made by hand\n2 1\n255\nAB"), 1).pixels ==
        std::vector<std::uint8_t>{'A', 'B'});
  CHECK(read_bytes(folder, bytes_of("P5 1 1 255 A"), 3).pixels ==
        std::vector<std::uint8_t>{'A', 'A', 'A'});
  CHECK(read_bytes(folder, bytes_of(std::string("P5 3 1 15 \x00\x0f\x07", 13)), 1).pixels ==
        std::vector<std::uint8_t>{0, 255, 119});
  CHECK(read_bytes(folder, bytes_of(std::string("P5 2 1 65535 \xff\xff\x80\x00", 17)), 1).pixels ==
        std::vector<std::uint8_t>{255, 128});
  for (const char* bad : {"P5 2 2 255 abc", "P5 2 2 0 abcd", "P5 2 2 70000 abcd", "P5 0 2 255 ",
                          "P5 2 2", "P5", "P5 -1 2 255 abcd", "P6 99999 99999 255 abc"})
    error_of(Failure::data, [&] { read_bytes(folder, bytes_of(bad), 1); });
}

TEST_CASE("image: BMP") {
  const TemporaryFolder folder;
  const Image image = read_bytes(folder, make_bmp(), 3);
  CHECK(image.shape == Shape{2, 2, 3});
  CHECK(image.pixels == std::vector<std::uint8_t>{3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10});
}

TEST_CASE("image: JPEG, and its tables are counted before stb fills them") {
  const TemporaryFolder folder;
  const Image image = read_bytes(folder, make_jpeg(), 1);
  CHECK(image.shape == Shape{8, 8, 1});
  CHECK(image.pixels == std::vector<std::uint8_t>(64, 140));
  // Bytes that look like a table, but lie in a comment, are none.
  Bytes commented = make_jpeg();
  const Bytes comment{0xff, 0xfe, 0, 8, 0xff, 0xc4, 0, 20, 0xff, 0xff};
  commented.insert(commented.begin() + 2, comment.begin(), comment.end());
  CHECK(read_bytes(folder, commented, 1).pixels == image.pixels);
  Bytes overfull = make_jpeg();
  std::fill_n(overfull.begin() + 89, 16, std::uint8_t{255});
  CHECK(contains(error_of(Failure::data, [&] { read_bytes(folder, overfull, 1); }),
                 "expected at most 256 codes in a table, got 4080"));
}

TEST_CASE("image: what is no picture is named") {
  const TemporaryFolder folder;
  CHECK(contains(error_of(Failure::data, [&] { read_image(folder / "none.png", 3); }), "none.png"));
  write_file(folder / "text.png", "hello");
  CHECK(contains(error_of(Failure::data, [&] { read_image(folder / "text.png", 3); }),
                 "text.png: expected a picture"));
  write_file(folder / "empty.png", "");
  error_of(Failure::data, [&] { read_image(folder / "empty.png", 3); });
  Bytes huge = make_bmp();
  huge[18 + 2] = huge[22 + 2] = 1;  // 65538 x 65538
  CHECK(contains(error_of(Failure::data, [&] { read_bytes(folder, huge, 3); }), "65538 x 65538"));
  CHECK(contains(
      error_of(Failure::failed, [&] { write_png(folder / "no/folder/a.png", noise(2, 2, 1)); }),
      "a.png"));
}

TEST_CASE("image: damaged pictures are read or refused, nothing else") {
  const TemporaryFolder folder;
  write_png(folder / "a.png", noise(6, 7, 3));
  for (const Bytes& good :
       {read_file(folder / "a.png"), make_bmp(), make_jpeg(), bytes_of("P6 2 1 255\nabcdef")})
    fuzz(good, 250, [&](const Bytes& bytes) { read_bytes(folder, bytes, 3); });
}

TEST_CASE("image: fit keeps what fits") {
  for (const int channels : {1, 3}) {
    const Image image = noise(6, 5, channels);
    CHECK(fit(image, 6, 5).pixels == image.pixels);
  }
  // A crop at the same scale keeps its pixels, from the centre.
  const Image row{{1, 5, 1}, {1, 2, 3, 4, 5}};
  CHECK(fit(row, 1, 3).pixels == std::vector<std::uint8_t>{2, 3, 4});
  CHECK(fit(row, 1, 2).pixels == std::vector<std::uint8_t>{2, 3});
}

TEST_CASE("image: fit averages areas on the way down") {
  const Image image{{2, 4, 1}, {10, 20, 0, 4, 30, 40, 8, 12}};
  CHECK(fit(image, 1, 2).pixels == std::vector<std::uint8_t>{25, 6});
  // 3 to 2 pixels: one and a half source pixels each.
  const Image row{{3, 3, 1}, {0, 90, 255, 0, 90, 255, 0, 90, 255}};
  CHECK(fit(row, 2, 2).pixels == std::vector<std::uint8_t>{30, 200, 30, 200});
  // 4 x 8 to 2 x 2: the centre 4 x 4 remains.
  Image wide{{4, 8, 1}, {}};
  for (int i = 0; i < 32; ++i)
    wide.pixels.push_back(static_cast<std::uint8_t>(i % 8 < 2 || i % 8 > 5 ? 255 : i % 8));
  CHECK(fit(wide, 2, 2).pixels == std::vector<std::uint8_t>{3, 5, 3, 5});
}

TEST_CASE("image: fit draws lines between centres on the way up") {
  const Image row{{2, 2, 1}, {0, 100, 0, 100}};
  CHECK(fit(row, 4, 4).pixels ==
        std::vector<std::uint8_t>{0, 25, 75, 100, 0, 25, 75, 100, 0, 25, 75, 100, 0, 25, 75, 100});
  const Image one{{1, 1, 3}, {9, 8, 7}};
  const Image grown = fit(one, 3, 2);
  CHECK(grown.shape == Shape{3, 2, 3});
  for (std::size_t i = 0; i < grown.pixels.size(); ++i) CHECK(grown.pixels[i] == 9 - i % 3);
}

TEST_CASE("image: fit of a constant is constant at any size") {
  for (const std::int64_t from : {1, 7, 28, 33})
    for (const std::int64_t to : {1, 5, 28, 32, 47}) {
      const Image image{
          {from, from + 3, 1},
          std::vector<std::uint8_t>(static_cast<std::size_t>(from * (from + 3)), 201)};
      const Image result = fit(image, to, to + 1);
      CHECK(result.pixels ==
            std::vector<std::uint8_t>(static_cast<std::size_t>(to * (to + 1)), 201));
    }
}

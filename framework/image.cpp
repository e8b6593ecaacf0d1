#include "framework/image.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <memory>

#include "framework/check.h"
#include "framework/files.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
// Zeroed, because stb leaves what a cut file does not hold as it was allocated.
#define STBI_MALLOC(size) std::calloc(1, size)
#define STBI_REALLOC(memory, size) std::realloc(memory, size)
#define STBI_FREE(memory) std::free(memory)
#define STBI_NO_STDIO
#define STBI_NO_HDR
#define STBI_NO_LINEAR
#define STBI_NO_PIC
#define STBI_NO_PNM  // its 16-bit path reads beyond the end: our own reader is below
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#include <stb_image.h>
#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb_image_write.h>
#pragma GCC diagnostic pop

namespace octet {
namespace {

constexpr std::int64_t most_pixels = std::int64_t{1} << 28;

void check_size(const std::string& source, std::int64_t width, std::int64_t height) {
  check(width > 0 && height > 0 && width <= most_pixels / height, Failure::data, source,
        ": expected a picture of 1 to 2^28 pixels, got ", width, " x ", height);
}

// The next number of a PNM header, after white space and comments; -1 where there is none.
std::int64_t pnm_number(const Bytes& bytes, std::size_t& at) {
  while (at < bytes.size() && (std::isspace(bytes[at]) || bytes[at] == '#')) {
    if (bytes[at] == '#')
      while (at < bytes.size() && bytes[at] != '\n') ++at;
    else
      ++at;
  }
  std::int64_t number = -1;
  for (; at < bytes.size() && std::isdigit(bytes[at]) && number < most_pixels; ++at)
    number = std::max<std::int64_t>(number, 0) * 10 + (bytes[at] - '0');
  return number;
}

// Binary PGM ("P5") and PPM ("P6"); samples are scaled from 0 .. largest to bytes.
Image read_pnm(const Bytes& bytes, const std::string& source, int channels) {
  const std::int64_t stored = bytes[1] == '5' ? 1 : 3;
  std::size_t at = 2;
  const std::int64_t width = pnm_number(bytes, at), height = pnm_number(bytes, at);
  const std::int64_t largest = pnm_number(bytes, at);
  check_size(source, width, height);
  check(largest > 0 && largest < 65536, Failure::data, source,
        ": expected a largest sample of 1 to 65535, got ", largest);
  ++at;  // one white space ends the header
  const std::int64_t wide = largest > 255 ? 2 : 1, expected = width * height * stored * wide;
  const auto rest = static_cast<std::int64_t>(bytes.size()) - static_cast<std::int64_t>(at);
  check(expected <= rest, Failure::data, source, ": expected ", expected, " bytes of pixels, got ",
        std::max<std::int64_t>(rest, 0));
  const auto next_sample = [&] {
    std::int64_t sample = bytes[at++];
    if (wide == 2) sample = sample * 256 + bytes[at++];
    return static_cast<std::uint8_t>((std::min(sample, largest) * 255 + largest / 2) / largest);
  };
  Image image{{height, width, channels}, {}};
  image.pixels.reserve(static_cast<std::size_t>(image.shape.elements()));
  for (std::int64_t pixel = 0; pixel < width * height; ++pixel) {
    const std::uint8_t red = next_sample();
    const std::uint8_t green = stored == 3 ? next_sample() : red;
    const std::uint8_t blue = stored == 3 ? next_sample() : red;
    if (channels == 3)
      image.pixels.insert(image.pixels.end(), {red, green, blue});
    else  // stb's weights, so that grey does not depend on the kind of file
      image.pixels.push_back(static_cast<std::uint8_t>((red * 77 + green * 150 + blue * 29) >> 8));
  }
  return image;
}

// Stops at a Huffman table with more than 256 codes: stb before 2.28 writes beyond its own then.
// The walk from marker to marker is stb's, which passes over bytes between segments.
void check_huffman_tables(const Bytes& bytes, const std::string& source) {
  const auto byte = [&](std::size_t at) { return at < bytes.size() ? bytes[at] : 0; };
  std::size_t at = 0;
  for (;;) {
    while (at < bytes.size() && bytes[at] != 0xff) ++at;
    while (byte(at) == 0xff) ++at;
    const int marker = byte(at++);
    if (at >= bytes.size() || marker == 0xd9) return;
    if (marker <= 1 || (marker >= 0xd0 && marker <= 0xd8)) continue;  // these have no length
    const auto length = static_cast<std::size_t>(byte(at) << 8 | byte(at + 1));
    const std::size_t end = at + std::max<std::size_t>(length, 2);
    if (marker == 0xc4)
      for (std::size_t table = at + 2; table < end && table < bytes.size();) {
        int codes = 0;
        for (std::size_t bits = 1; bits <= 16; ++bits) codes += byte(table + bits);
        check(codes <= 256, Failure::data, source,
              ": the picture is damaged: expected at most 256 codes in a table, got ", codes);
        table += 17 + static_cast<std::size_t>(codes);
      }
    at = end;
  }
}

Image read_with_stb(const Bytes& bytes, const std::string& source, int channels) {
  check(bytes.size() < std::size_t{1} << 31, Failure::data, source,
        ": expected less than 2^31 bytes");
  if (!bytes.empty() && bytes[0] == 0xff) check_huffman_tables(bytes, source);
  const int size = static_cast<int>(bytes.size());
  int width = 0, height = 0, stored = 0;
  check(stbi_info_from_memory(bytes.data(), size, &width, &height, &stored) != 0, Failure::data,
        source, ": expected a picture (JPEG, PNG, BMP, PNM, GIF, TGA or PSD)");
  check_size(source, width, height);
  // Deflate makes at most 1032 bytes of one, so no picture has more pixels than this.
  check(std::int64_t{width} * height <= static_cast<std::int64_t>(bytes.size()) << 14,
        Failure::data, source, ": ", width, " x ", height, " pixels cannot be in ", bytes.size(),
        " bytes");
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      stbi_load_from_memory(bytes.data(), size, &width, &height, &stored, channels),
      stbi_image_free);
  check(pixels != nullptr, Failure::data, source,
        ": the picture is damaged: ", stbi_failure_reason());
  Image image{{height, width, channels}, {}};
  image.pixels.assign(pixels.get(), pixels.get() + image.shape.elements());
  return image;
}

// Which source pixels make one pixel of the result, along one axis, and how much of each.
struct Taps {
  std::int64_t first;
  std::vector<float> weights;
};

// Pixels start + i * step .. start + (i + 1) * step of an axis of `extent`: their average where
// step shrinks, the line between the two nearest centres where it grows.
std::vector<Taps> make_taps(std::int64_t count, double start, double step, std::int64_t extent) {
  std::vector<Taps> taps;
  for (std::int64_t i = 0; i < count; ++i) {
    const double from = start + static_cast<double>(i) * step;
    if (step < 1) {
      const double centre =
          std::clamp(from + 0.5 * step - 0.5, 0.0, static_cast<double>(extent - 1));
      const std::int64_t first =
          std::min(static_cast<std::int64_t>(centre), std::max<std::int64_t>(extent - 2, 0));
      const auto share = static_cast<float>(centre - static_cast<double>(first));
      taps.push_back({first, {1 - share, share}});
      if (extent == 1) taps.back().weights = {1};
      continue;
    }
    const auto first = std::clamp(static_cast<std::int64_t>(from), std::int64_t{0}, extent - 1);
    Taps tap{first, {}};
    for (std::int64_t at = first; at < extent; ++at) {
      const double inside = std::min(static_cast<double>(at + 1), from + step) -
                            std::max(static_cast<double>(at), from);
      if (inside <= 1e-9 && at > first) break;
      tap.weights.push_back(static_cast<float>(inside / step));
    }
    taps.push_back(std::move(tap));
  }
  return taps;
}

}  // namespace

Image read_image(const std::filesystem::path& file, int channels) {
  assert(channels == 1 || channels == 3);
  const Bytes bytes = read_file(file);
  const bool pnm = bytes.size() > 2 && bytes[0] == 'P' && (bytes[1] == '5' || bytes[1] == '6');
  return pnm ? read_pnm(bytes, file.string(), channels)
             : read_with_stb(bytes, file.string(), channels);
}

Image fit(const Image& image, std::int64_t height, std::int64_t width) {
  const std::int64_t from_height = image.shape[0], from_width = image.shape[1];
  const std::int64_t channels = image.shape.back();
  // Source pixels for one of the result: the largest step that stays inside both ways.
  const double step = std::min(static_cast<double>(from_height) / static_cast<double>(height),
                               static_cast<double>(from_width) / static_cast<double>(width));
  double top = 0.5 * (static_cast<double>(from_height) - step * static_cast<double>(height));
  double left = 0.5 * (static_cast<double>(from_width) - step * static_cast<double>(width));
  if (step == 1) top = std::floor(top), left = std::floor(left);  // a crop keeps its pixels
  const std::vector<Taps> rows = make_taps(height, top, step, from_height);
  const std::vector<Taps> columns = make_taps(width, left, step, from_width);
  Image result{{height, width, channels}, {}};
  result.pixels.resize(static_cast<std::size_t>(result.shape.elements()));
  std::vector<float> line(static_cast<std::size_t>(from_width * channels));  // W x C, one row
  std::uint8_t* out = result.pixels.data();
  for (const Taps& row : rows) {
    std::fill(line.begin(), line.end(), 0.0f);
    const std::uint8_t* at = image.pixels.data() + row.first * from_width * channels;
    for (const float weight : row.weights)
      for (float& value : line) value += weight * static_cast<float>(*at++);
    for (const Taps& column : columns)
      for (std::int64_t c = 0; c < channels; ++c) {
        float value = 0;
        std::int64_t x = column.first;
        for (const float weight : column.weights)
          value += weight * line[static_cast<std::size_t>(x++ * channels + c)];
        *out++ = static_cast<std::uint8_t>(std::clamp(value + 0.5f, 0.0f, 255.0f));
      }
  }
  return result;
}

void write_png(const std::filesystem::path& file, const Image& image) {
  Bytes png;
  const auto append = [](void* to, void* data, int size) {
    const auto* bytes = static_cast<const std::uint8_t*>(data);
    static_cast<Bytes*>(to)->insert(static_cast<Bytes*>(to)->end(), bytes, bytes + size);
  };
  const auto channels = static_cast<int>(image.shape.back());
  const auto width = static_cast<int>(image.shape[1]), height = static_cast<int>(image.shape[0]);
  check(stbi_write_png_to_func(append, &png, width, height, channels, image.pixels.data(),
                               width * channels) != 0,
        Failure::failed, file.string(), ": the picture cannot be encoded as PNG");
  write_file(file, png.data(), png.size());
}

}  // namespace octet

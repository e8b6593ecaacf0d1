#include "datasets/transforms.h"

#include <algorithm>
#include <utility>

#include "framework/check.h"
#include "framework/random.h"

namespace octet {

Transform pad_crop(int pad) {
  check(pad >= 0 && pad < 1 << 16, Failure::usage, "pad_crop moves by 0 to 65535 pixels, got ",
        pad);
  return [pad](const Shape& image, std::uint8_t* picture, const PictureKey& key) {
    const auto choices = static_cast<std::uint32_t>(2 * pad + 1);
    const std::int64_t down = std::int64_t{uniform_below(key.random, 0, choices)} - pad;
    const std::int64_t right = std::int64_t{uniform_below(key.random, 1, choices)} - pad;
    const std::int64_t height = image[0], width = image[1], channels = image[2];
    const std::vector<std::uint8_t> from(picture, picture + image.elements());
    std::fill_n(picture, image.elements(), std::uint8_t{0});
    const std::int64_t columns = width - std::abs(right);
    if (columns <= 0) return;
    for (std::int64_t y = std::max<std::int64_t>(down, 0); y < std::min(height, height + down); ++y)
      std::copy_n(from.data() + ((y - down) * width + std::max<std::int64_t>(-right, 0)) * channels,
                  columns * channels,
                  picture + (y * width + std::max<std::int64_t>(right, 0)) * channels);
  };
}

Transform translate(int most) {
  check(most >= 0 && most < 1 << 16, Failure::usage, "translate moves by 0 to 65535 pixels, got ",
        most);
  return [most](const Shape& image, std::uint8_t* picture, const PictureKey& key) {
    const std::int64_t height = image[0], width = image[1], channels = image[2];
    check(most < height && most < width, Failure::usage, "translate by ", most,
          " pixels: expected pictures of more a side, got ", print(image));
    const auto choices = static_cast<std::uint32_t>(2 * most + 1);
    const std::int64_t down = std::int64_t{uniform_below(key.random, 0, choices)} - most;
    const std::int64_t right = std::int64_t{uniform_below(key.random, 1, choices)} - most;
    if (down == 0 && right == 0) return;
    const auto inside = [](std::int64_t at, std::int64_t size) {
      return at < 0 ? -at : at >= size ? 2 * (size - 1) - at : at;
    };
    const std::vector<std::uint8_t> from(picture, picture + image.elements());
    for (std::int64_t y = 0; y < height; ++y) {
      const std::uint8_t* const row = from.data() + inside(y - down, height) * width * channels;
      for (std::int64_t x = 0; x < width; ++x, picture += channels)
        std::copy_n(row + inside(x - right, width) * channels, channels, picture);
    }
  };
}

namespace {

void mirror(const Shape& image, std::uint8_t* picture) {
  const std::int64_t width = image[1], channels = image[2];
  for (std::int64_t y = 0; y < image[0]; ++y, picture += width * channels)
    for (std::int64_t x = 0; x < width / 2; ++x)
      std::swap_ranges(picture + x * channels, picture + (x + 1) * channels,
                       picture + (width - 1 - x) * channels);
}

}  // namespace

Transform flip() {
  return [](const Shape& image, std::uint8_t* picture, const PictureKey& key) {
    if (random_bits(key.random, 0) >> 31 != 0) mirror(image, picture);
  };
}

Transform alternating_flip() {
  return [](const Shape& image, std::uint8_t* picture, const PictureKey& key) {
    const bool first = random_bits(key.constant, 0) >> 31 != 0;
    if (first != (key.epoch % 2 != 0)) mirror(image, picture);
  };
}

Transform chain(std::vector<Transform> transforms) {
  return [transforms = std::move(transforms)](const Shape& image, std::uint8_t* picture,
                                              PictureKey key) {
    for (const Transform& transform : transforms) {
      key.random = mix(key.random);
      transform(image, picture, key);
    }
  };
}

}  // namespace octet

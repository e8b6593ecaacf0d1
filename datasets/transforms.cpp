#include "datasets/transforms.h"

#include <algorithm>
#include <utility>

#include "framework/check.h"
#include "framework/random.h"

namespace octet {

Transform pad_crop(int pad) {
  check(pad >= 0 && pad < 1 << 16, Failure::usage, "pad_crop moves by 0 to 65535 pixels, got ",
        pad);
  return [pad](const Shape& image, std::uint8_t* picture, std::uint64_t key) {
    const auto choices = static_cast<std::uint32_t>(2 * pad + 1);
    const std::int64_t down = std::int64_t{uniform_below(key, 0, choices)} - pad;
    const std::int64_t right = std::int64_t{uniform_below(key, 1, choices)} - pad;
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

Transform flip() {
  return [](const Shape& image, std::uint8_t* picture, std::uint64_t key) {
    if (random_bits(key, 0) >> 31 == 0) return;
    const std::int64_t width = image[1], channels = image[2];
    for (std::int64_t y = 0; y < image[0]; ++y, picture += width * channels)
      for (std::int64_t x = 0; x < width / 2; ++x)
        std::swap_ranges(picture + x * channels, picture + (x + 1) * channels,
                         picture + (width - 1 - x) * channels);
  };
}

Transform chain(std::vector<Transform> transforms) {
  return [transforms = std::move(transforms)](const Shape& image, std::uint8_t* picture,
                                              std::uint64_t key) {
    for (const Transform& transform : transforms) transform(image, picture, key = mix(key));
  };
}

}  // namespace octet

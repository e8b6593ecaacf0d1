#include "framework/image_strips.h"

#include <algorithm>

#include "framework/parallel.h"

namespace octet {

ImageStrips::ImageStrips(const Shape& input, const Window& window, std::int64_t most,
                         std::int64_t (*round_up)(std::int64_t)) {
  const std::int64_t width = input[2], out = window.output_w(width);
  pitch_ = width + std::max(window.pad_left, window.pad_right);
  // An image's last window must end before the next image begins.
  if (window.stride > 1 || out > std::min(pitch_, most)) return;
  images_ = std::min((most + pitch_ - out) / pitch_, input[0]);
  const std::int64_t wide = (images_ - 1) * pitch_ + out;
  spare_ = round_up(wide) - wide;
}

Shape ImageStrips::shape(const Shape& image, std::int64_t count) const {
  return {count, image[1], (images_ - 1) * pitch_ + image[2] + spare_, image[3]};
}

const void* ImageStrips::lay(const Tensor& images, std::int64_t first, Tensor& held) const {
  const Shape &from = images.shape(), &to = held.shape();
  const std::int64_t line = from[2] * from[3], strip_line = to[2] * to[3], pitch = pitch_ * from[3];
  const auto* const source = images.data<std::uint16_t>();
  if (are_images() && first + to[0] <= from[0]) return source + first * from[1] * line;
  auto* const target = held.data<std::uint16_t>();
  parallel_for(to[0] * to[1], 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t image = first + i / to[1] * images_, y = i % to[1];
      const std::int64_t count = std::clamp<std::int64_t>(from[0] - image, 0, images_);
      std::uint16_t* const strip = target + i * strip_line;
      std::uint16_t* filled = strip;
      for (std::int64_t j = 0; j < count; ++j) {
        std::uint16_t* const at = strip + j * pitch;
        std::fill(filled, at, std::uint16_t{0});
        filled = std::copy_n(source + ((image + j) * from[1] + y) * line, line, at);
      }
      std::fill(filled, strip + strip_line, std::uint16_t{0});
    }
  });
  return target;
}

}  // namespace octet

// Pictures from files, through stb_image: any size and channel count, 8 bits a channel.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "framework/tensor.h"

namespace octet {

struct Image {
  Shape shape;  ///< H x W x C
  std::vector<std::uint8_t> pixels;
};

/// Reads JPEG, PNG, BMP, PNM, GIF, TGA or PSD with `channels` channels (1 or 3; grey is made from
/// or copied to RGB, alpha is dropped). Throws Error(data), naming the file, when it is not a
/// picture or has more than 2^28 pixels.
Image read_image(const std::filesystem::path& file, int channels);

/// Scales the shorter side to fit (area average down, bilinear up) and crops the centre.
Image fit(const Image& image, std::int64_t height, std::int64_t width);

/// Writes a PNG; throws Error(failed), naming the file, where that cannot be done.
void write_png(const std::filesystem::path& file, const Image& image);

}  // namespace octet

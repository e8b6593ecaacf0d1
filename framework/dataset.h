// Pictures and labels of one split, in memory: bytes, N x H x W x C.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/tensor.h"

namespace octet {

struct Dataset {
  std::string name;                  ///< "mnist", or the folder's name
  Shape image;                       ///< H x W x C
  std::vector<std::uint8_t> pixels;  ///< size() images of image.elements() bytes each
  std::vector<std::int32_t> labels;  ///< 0 .. classes.size() - 1
  std::vector<std::string> classes;  ///< class names by label

  std::int64_t size() const { return static_cast<std::int64_t>(labels.size()); }
  const std::uint8_t* picture(std::int64_t index) const {
    return pixels.data() + index * image.elements();
  }
};

/// Mean and standard deviation of each channel, in units of a byte / 255.
struct Normalization {
  std::vector<float> mean;
  std::vector<float> deviation;
};

/// Over all pixels; a deviation is at least 1/255, so that a constant channel stays finite.
Normalization measure_normalization(const Dataset& dataset);

/// Takes `count` pictures out of `from`, drawn with `seed`, in every class in proportion.
/// Both keep the order of what they hold.
Dataset hold_out(Dataset& from, std::int64_t count, std::uint64_t seed);

}  // namespace octet

// Rows of positions x channels, as Octet has filters and images, and of channels x positions, as
// ONNX has them.
#pragma once

#include <cstdint>
#include <vector>

namespace octet {

template <class T>
std::vector<T> channels_first(const T* from, std::int64_t rows, std::int64_t positions,
                              std::int64_t channels) {
  std::vector<T> to(static_cast<std::size_t>(rows * positions * channels));
  T* out = to.data();
  for (std::int64_t row = 0; row < rows; ++row, from += positions * channels)
    for (std::int64_t c = 0; c < channels; ++c)
      for (std::int64_t p = 0; p < positions; ++p) *out++ = from[p * channels + c];
  return to;
}

template <class T>
std::vector<T> channels_last(const T* from, std::int64_t rows, std::int64_t positions,
                             std::int64_t channels) {
  // The same transposition with the two exchanged.
  return channels_first(from, rows, channels, positions);
}

}  // namespace octet

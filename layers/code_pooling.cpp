#include "layers/code_pooling.h"

#include <algorithm>

#include "framework/parallel.h"

namespace octet::kernels {
namespace {

template <class Code>
[[gnu::always_inline]] inline void first_row(const Code* x, std::int64_t channels, Code* best,
                                             std::uint8_t* source) {
  for (std::int64_t c = 0; c < channels; ++c) {
    best[c] = x[c];
    source[c] = 0;
  }
}

template <class Code>
[[gnu::always_inline]] inline void take_larger(const Code* __restrict x, std::int64_t channels,
                                               std::uint8_t place, Code* __restrict best,
                                               std::uint8_t* __restrict source) {
  for (std::int64_t c = 0; c < channels; ++c) {
    const bool larger = x[c] > best[c];
    source[c] = larger ? place : source[c];
    best[c] = larger ? x[c] : best[c];
  }
}

template <class Code>
[[gnu::always_inline]] inline void pool(const Code* x, const PoolGeometry& g, Code* y,
                                        std::uint8_t* source) {
  for (std::int64_t oh = 0; oh < g.output_height; ++oh)
    for (std::int64_t ow = 0; ow < g.output_width; ++ow) {
      const Code* corner = x + (oh * g.stride * g.width + ow * g.stride) * g.channels;
      first_row(corner, g.channels, y, source);
      for (std::int64_t place = 1; place < g.window_height * g.window_width; ++place)
        take_larger(
            corner + (place / g.window_width * g.width + place % g.window_width) * g.channels,
            g.channels, static_cast<std::uint8_t>(place), y, source);
      y += g.channels;
      source += g.channels;
    }
}

OCTET_KERNEL void pool_int8(const std::int8_t* x, const PoolGeometry& g, std::int8_t* y,
                            std::uint8_t* source) {
  pool(x, g, y, source);
}

OCTET_KERNEL void pool_uint8(const std::uint8_t* x, const PoolGeometry& g, std::uint8_t* y,
                             std::uint8_t* source) {
  pool(x, g, y, source);
}

// A function of its own, so that the compiler may assume that nothing overlaps.
[[gnu::always_inline]] inline void put_where(const std::int8_t* __restrict error,
                                             const std::uint8_t* __restrict source,
                                             std::uint8_t place, std::int64_t channels,
                                             std::int8_t* __restrict to) {
  for (std::int64_t c = 0; c < channels; ++c) {
    const auto here = static_cast<std::int8_t>(-static_cast<int>(source[c] == place));
    to[c] = static_cast<std::int8_t>(error[c] & here);
  }
}

OCTET_KERNEL void unpool(const std::int8_t* error, const std::uint8_t* source,
                         const PoolGeometry& g, std::int8_t* passed) {
  for (std::int64_t oh = 0; oh < g.output_height; ++oh)
    for (std::int64_t ow = 0; ow < g.output_width; ++ow) {
      std::int8_t* const corner = passed + (oh * g.stride * g.width + ow * g.stride) * g.channels;
      for (std::int64_t place = 0; place < g.window_height * g.window_width; ++place) {
        put_where(
            error, source, static_cast<std::uint8_t>(place), g.channels,
            corner + (place / g.window_width * g.width + place % g.window_width) * g.channels);
      }
      error += g.channels;
      source += g.channels;
    }
}

template <class Code>
[[gnu::always_inline]] inline void add_row(const Code* x, std::int64_t channels,
                                           std::int32_t* sums) {
  for (std::int64_t c = 0; c < channels; ++c) sums[c] += x[c];
}

OCTET_KERNEL void add_int8(const std::int8_t* x, std::int64_t channels, std::int32_t* sums) {
  add_row(x, channels, sums);
}

OCTET_KERNEL void add_uint8(const std::uint8_t* x, std::int64_t channels, std::int32_t* sums) {
  add_row(x, channels, sums);
}

// body(window, input): elements before the window's row of channels and before an input's in it.
template <class Body>
void each_input(const PoolGeometry& g, const Body& body) {
  for (std::int64_t oh = 0; oh < g.output_height; ++oh)
    for (std::int64_t ow = 0; ow < g.output_width; ++ow)
      for (std::int64_t r = 0; r < g.window_height; ++r)
        for (std::int64_t q = 0; q < g.window_width; ++q)
          body((oh * g.output_width + ow) * g.channels,
               ((oh * g.stride + r) * g.width + ow * g.stride + q) * g.channels);
}

}  // namespace

void max_pool_codes(const std::int8_t* x, const PoolGeometry& g, std::int8_t* y,
                    std::uint8_t* source) {
  pool_int8(x, g, y, source);
}

void max_pool_codes(const std::uint8_t* x, const PoolGeometry& g, std::uint8_t* y,
                    std::uint8_t* source) {
  pool_uint8(x, g, y, source);
}

void max_pool_errors(const std::int8_t* error, const std::uint8_t* source, const PoolGeometry& g,
                     std::int8_t* passed) {
  // Windows side by side cover the image unless strides leave gaps or edges.
  if (g.window_height != g.stride || g.window_width != g.stride ||
      g.output_height * g.stride != g.height || g.output_width * g.stride != g.width)
    std::fill_n(passed, g.height * g.width * g.channels, std::int8_t{0});
  unpool(error, source, g, passed);
}

void sum_windows(const void* x, Element element, const PoolGeometry& g, std::int32_t* sums) {
  std::fill_n(sums, g.output_height * g.output_width * g.channels, 0);
  each_input(g, [&](std::int64_t window, std::int64_t input) {
    if (element == Element::uint8) {
      add_uint8(static_cast<const std::uint8_t*>(x) + input, g.channels, sums + window);
    } else {
      add_int8(static_cast<const std::int8_t*>(x) + input, g.channels, sums + window);
    }
  });
}

void spread_windows(const std::int8_t* error, const PoolGeometry& g, std::int32_t* sums) {
  std::fill_n(sums, g.height * g.width * g.channels, 0);
  each_input(g, [&](std::int64_t window, std::int64_t input) {
    add_int8(error + window, g.channels, sums + input);
  });
}

}  // namespace octet::kernels

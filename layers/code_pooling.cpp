#include "layers/code_pooling.h"

#include <algorithm>
#include <cstring>

#include "framework/parallel.h"

namespace octet::kernels {
namespace {

// Rows of few channels are worked on in whole vectors: what is written beyond a row is the next
// pixels', which come later and are written over it. The last pixels of a line have none.
constexpr std::int64_t vector_bytes = 16;

// How many windows of a line can be worked on so.
[[gnu::always_inline]] inline std::int64_t in_vectors(const PoolGeometry& g) {
  const std::int64_t padded = (g.channels + vector_bytes - 1) / vector_bytes * vector_bytes;
  const std::int64_t last = (padded + g.channels - 1) / g.channels;  // windows that would overrun
  return g.channels >= 64 ? 0 : g.output_width - last + 1;
}

// Bytes compare as unsigned ones; with their sign flipped, signed codes order the same.
[[gnu::always_inline]] inline void first_row(const std::uint8_t* __restrict x, std::int64_t size,
                                             std::uint8_t flip, std::uint8_t* __restrict best,
                                             std::uint8_t* __restrict source) {
  for (std::int64_t c = 0; c < size; ++c) {
    best[c] = x[c] ^ flip;
    source[c] = 0;
  }
}

[[gnu::always_inline]] inline void take_larger(const std::uint8_t* __restrict x, std::int64_t size,
                                               std::uint8_t flip, std::uint8_t place,
                                               std::uint8_t* __restrict best,
                                               std::uint8_t* __restrict source) {
  for (std::int64_t c = 0; c < size; ++c) {
    const std::uint8_t code = x[c] ^ flip;
    // Masks, not choices: a branch on what is larger would be guessed wrongly half the time.
    const auto larger = static_cast<std::uint8_t>(-static_cast<int>(code > best[c]));
    source[c] = static_cast<std::uint8_t>((source[c] & ~larger) | (place & larger));
    best[c] = code > best[c] ? code : best[c];
  }
}

using Bytes = std::uint8_t __attribute__((vector_size(vector_bytes)));

[[gnu::always_inline]] inline Bytes load(const std::uint8_t* from) {
  Bytes bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  return bytes;
}

// body(place, pixel): the pixels of a window, row by row.
template <class Body>
[[gnu::always_inline]] inline void each_pixel(const std::uint8_t* corner, const PoolGeometry& g,
                                              const Body& body) {
  std::uint8_t place = 0;
  for (std::int64_t r = 0; r < g.window_height; ++r, corner += g.width * g.channels)
    for (std::int64_t q = 0; q < g.window_width; ++q, ++place) body(place, corner + q * g.channels);
}

// One window's row of channels, 16 at a time.
[[gnu::always_inline]] inline void pool_vectors(const std::uint8_t* corner, const PoolGeometry& g,
                                                std::uint8_t flip, std::uint8_t* y,
                                                std::uint8_t* source) {
  for (std::int64_t c = 0; c < g.channels; c += vector_bytes) {
    Bytes best = load(corner + c) ^ flip, places{};
    each_pixel(corner + c, g, [&](std::uint8_t place, const std::uint8_t* pixel) {
      const Bytes code = load(pixel) ^ flip, larger = (Bytes)(code > best);
      places = (places & ~larger) | ((Bytes{} + place) & larger);
      best = (best & ~larger) | (code & larger);
    });
    std::memcpy(y + c, &best, sizeof best);
    std::memcpy(source + c, &places, sizeof places);
  }
}

// The same, all channels at once.
[[gnu::always_inline]] inline void pool_row(const std::uint8_t* corner, const PoolGeometry& g,
                                            std::uint8_t flip, std::uint8_t* y,
                                            std::uint8_t* source) {
  first_row(corner, g.channels, flip, y, source);
  each_pixel(corner, g, [&](std::uint8_t place, const std::uint8_t* pixel) {
    if (place > 0) take_larger(pixel, g.channels, flip, place, y, source);
  });
}

OCTET_KERNEL void pool(const std::uint8_t* x, const PoolGeometry& g, std::uint8_t flip,
                       std::uint8_t* y, std::uint8_t* source) {
  std::uint8_t* const begin = y;
  const std::int64_t vectors = in_vectors(g);
  for (std::int64_t oh = 0; oh < g.output_height; ++oh) {
    const std::uint8_t* line = x + oh * g.stride * g.width * g.channels;
    for (std::int64_t ow = 0; ow < g.output_width; ++ow) {
      if (ow < vectors) {
        pool_vectors(line + ow * g.stride * g.channels, g, flip, y, source);
      } else {
        pool_row(line + ow * g.stride * g.channels, g, flip, y, source);
      }
      y += g.channels;
      source += g.channels;
    }
  }
  if (flip != 0)
    for (std::uint8_t* code = begin; code < y; ++code) *code ^= flip;
}

[[gnu::always_inline]] inline void put_where(const std::int8_t* __restrict error,
                                             const std::uint8_t* __restrict source,
                                             std::uint8_t place, std::int64_t size,
                                             std::int8_t* __restrict to) {
  for (std::int64_t c = 0; c < size; ++c) {
    const auto here = static_cast<std::int8_t>(-static_cast<int>(source[c] == place));
    to[c] = static_cast<std::int8_t>(error[c] & here);
  }
}

// Places come in the order of memory within a line, so that here too what is written beyond a row
// is written over.
template <bool vectors>
[[gnu::always_inline]] inline void unpool_window(const std::int8_t* error,
                                                 const std::uint8_t* source, std::int64_t row,
                                                 const PoolGeometry& g, std::int8_t* to) {
  const std::int64_t step = vectors ? vector_bytes : g.channels;
  for (std::int64_t q = 0; q < g.window_width; ++q)
    for (std::int64_t c = 0; c < g.channels; c += step)
      put_where(error + c, source + c, static_cast<std::uint8_t>(row * g.window_width + q),
                vectors ? vector_bytes : g.channels, to + q * g.channels + c);
}

OCTET_KERNEL void unpool(const std::int8_t* error, const std::uint8_t* source,
                         const PoolGeometry& g, std::int8_t* passed) {
  // Between windows that leave gaps lie zeros that nothing would write again.
  const std::int64_t vectors = g.stride == g.window_width ? in_vectors(g) : 0;
  for (std::int64_t oh = 0; oh < g.output_height; ++oh)
    for (std::int64_t row = 0; row < g.window_height; ++row)
      for (std::int64_t ow = 0; ow < g.output_width; ++ow) {
        const std::int64_t from = (oh * g.output_width + ow) * g.channels;
        std::int8_t* const to =
            passed + ((oh * g.stride + row) * g.width + ow * g.stride) * g.channels;
        if (ow < vectors) {
          unpool_window<true>(error + from, source + from, row, g, to);
        } else {
          unpool_window<false>(error + from, source + from, row, g, to);
        }
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
  pool(reinterpret_cast<const std::uint8_t*>(x), g, 0x80, reinterpret_cast<std::uint8_t*>(y),
       source);
}

void max_pool_codes(const std::uint8_t* x, const PoolGeometry& g, std::uint8_t* y,
                    std::uint8_t* source) {
  pool(x, g, 0, y, source);
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

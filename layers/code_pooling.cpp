#include "layers/code_pooling.h"

#include <algorithm>
#include <cstring>

#include "framework/parallel.h"

namespace octet::kernels {
namespace {

// Rows of few channels are worked on in whole vectors: what is written beyond a row is the next
// pixels', which come later and are written over it. The last pixels of a line have none.

// How many windows of a line can be worked on so, in vectors of so many bytes. From 64 channels on
// the compiler's own loops over a row fill their vectors.
[[gnu::always_inline]] inline std::int64_t in_vectors(const PoolGeometry& g, std::int64_t bytes) {
  const std::int64_t padded = (g.channels + bytes - 1) / bytes * bytes;
  const std::int64_t last = (padded + g.channels - 1) / g.channels;  // windows that would overrun
  return g.channels >= 64 ? 0 : g.output_width - last + 1;
}

template <class Code, std::int64_t bytes>
struct Vector {
  using Codes [[gnu::vector_size(bytes)]] = Code;
  Codes codes;
  [[gnu::always_inline]] explicit Vector(const Code* from) {
    std::memcpy(&codes, from, sizeof codes);
  }
};

// The sides of a window, known to the compiler where they are two.
template <bool two>
struct Sides {
  std::int64_t height, width;
  explicit Sides(const PoolGeometry& g) : height(g.window_height), width(g.window_width) {}
};
template <>
struct Sides<true> {
  static constexpr std::int64_t height = 2, width = 2;
  explicit Sides(const PoolGeometry&) {}
};

// body(place, pixel): the pixels of a window, row by row.
template <bool two, class Code, class Body>
[[gnu::always_inline]] inline void each_pixel(const Code* corner, const PoolGeometry& g,
                                              const Body& body) {
  const Sides<two> sides(g);
  std::uint8_t place = 0;
  for (std::int64_t r = 0; r < sides.height; ++r, corner += g.width * g.channels)
    for (std::int64_t q = 0; q < sides.width; ++q, ++place) body(place, corner + q * g.channels);
}

// One window's row of channels, a vector at a time.
template <std::int64_t bytes, bool two, class Code>
[[gnu::always_inline]] inline void pool_vectors(const Code* corner, const PoolGeometry& g, Code* y,
                                                std::uint8_t* source) {
  using Codes = typename Vector<Code, bytes>::Codes;
  using Places = typename Vector<std::uint8_t, bytes>::Codes;
  for (std::int64_t c = 0; c < g.channels; c += bytes) {
    Codes best = Vector<Code, bytes>(corner + c).codes;
    Places places{};
    each_pixel<two>(corner + c, g, [&](std::uint8_t place, const Code* pixel) {
      const Codes code = Vector<Code, bytes>(pixel).codes;
      const auto larger = code > best;
      places = larger ? Places{} + place : places;
      best = larger ? code : best;
    });
    std::memcpy(y + c, &best, sizeof best);
    std::memcpy(source + c, &places, sizeof places);
  }
}

template <class Code>
[[gnu::always_inline]] inline void take_larger(const Code* __restrict x, std::int64_t size,
                                               std::uint8_t place, Code* __restrict best,
                                               std::uint8_t* __restrict source) {
  for (std::int64_t c = 0; c < size; ++c) {
    // Masks, not choices: a branch on what is larger would be guessed wrongly half the time.
    const auto larger = static_cast<std::uint8_t>(-static_cast<int>(x[c] > best[c]));
    source[c] = static_cast<std::uint8_t>((source[c] & ~larger) | (place & larger));
    best[c] = x[c] > best[c] ? x[c] : best[c];
  }
}

// The same, all channels at once.
template <class Code>
[[gnu::always_inline]] inline void pool_row(const Code* corner, const PoolGeometry& g, Code* y,
                                            std::uint8_t* source) {
  std::memcpy(y, corner, static_cast<std::size_t>(g.channels));
  std::memset(source, 0, static_cast<std::size_t>(g.channels));
  each_pixel<false>(corner, g, [&](std::uint8_t place, const Code* pixel) {
    if (place > 0) take_larger(pixel, g.channels, place, y, source);
  });
}

template <std::int64_t bytes, bool two, class Code>
[[gnu::always_inline]] inline void pool_lines(const Code* x, const PoolGeometry& g, Code* y,
                                              std::uint8_t* source) {
  const std::int64_t vectors = in_vectors(g, bytes);
  for (std::int64_t oh = 0; oh < g.output_height; ++oh) {
    const Code* corner = x + oh * g.stride * g.width * g.channels;
    for (std::int64_t ow = 0; ow < g.output_width; ++ow) {
      if (ow < vectors) {
        pool_vectors<bytes, two>(corner, g, y, source);
      } else {
        pool_row(corner, g, y, source);
      }
      corner += g.stride * g.channels;
      y += g.channels;
      source += g.channels;
    }
  }
}

// body.template run<bytes, two>(): vectors that a row of channels fills best, and whether windows
// are 2 x 2.
template <class Body>
[[gnu::always_inline]] inline void by_geometry(const PoolGeometry& g, const Body& body) {
  const bool two = g.window_height == 2 && g.window_width == 2;
  if (g.channels <= 16) return two ? body.template run<16, true>() : body.template run<16, false>();
  if (g.channels <= 32) return two ? body.template run<32, true>() : body.template run<32, false>();
  return two ? body.template run<64, true>() : body.template run<64, false>();
}

template <class Code>
struct Pool {
  const Code* x;
  const PoolGeometry& g;
  Code* y;
  std::uint8_t* source;
  template <std::int64_t bytes, bool two>
  [[gnu::always_inline]] void run() const {
    pool_lines<bytes, two>(x, g, y, source);
  }
};

OCTET_KERNEL void pool_int8(const std::int8_t* x, const PoolGeometry& g, std::int8_t* y,
                            std::uint8_t* source) {
  by_geometry(g, Pool<std::int8_t>{x, g, y, source});
}

OCTET_KERNEL void pool_uint8(const std::uint8_t* x, const PoolGeometry& g, std::uint8_t* y,
                             std::uint8_t* source) {
  by_geometry(g, Pool<std::uint8_t>{x, g, y, source});
}

// A row of channels of one pixel: the errors that came from it.
template <std::int64_t bytes>
[[gnu::always_inline]] inline void put_vectors(const std::int8_t* error, const std::uint8_t* source,
                                               std::uint8_t place, std::int64_t channels,
                                               std::int8_t* to) {
  using Codes = typename Vector<std::int8_t, bytes>::Codes;
  for (std::int64_t c = 0; c < channels; c += bytes) {
    const auto here = Vector<std::uint8_t, bytes>(source + c).codes == place;
    const Codes passed = here ? Vector<std::int8_t, bytes>(error + c).codes : Codes{};
    std::memcpy(to + c, &passed, sizeof passed);
  }
}

[[gnu::always_inline]] inline void put_row(const std::int8_t* __restrict error,
                                           const std::uint8_t* __restrict source,
                                           std::uint8_t place, std::int64_t channels,
                                           std::int8_t* __restrict to) {
  for (std::int64_t c = 0; c < channels; ++c) {
    const auto here = static_cast<std::int8_t>(-static_cast<int>(source[c] == place));
    to[c] = static_cast<std::int8_t>(error[c] & here);
  }
}

// Places come in the order of memory within a line, so that here too what is written beyond a row
// is written over.
template <std::int64_t bytes, bool two>
[[gnu::always_inline]] inline void unpool_lines(const std::int8_t* error,
                                                const std::uint8_t* source, const PoolGeometry& g,
                                                std::int8_t* passed) {
  const Sides<two> sides(g);
  // Between windows that leave gaps lie zeros that nothing would write again.
  const std::int64_t vectors = g.stride == g.window_width ? in_vectors(g, bytes) : 0;
  for (std::int64_t oh = 0; oh < g.output_height; ++oh)
    for (std::int64_t row = 0; row < sides.height; ++row) {
      std::int64_t from = oh * g.output_width * g.channels;
      std::int8_t* to = passed + (oh * g.stride + row) * g.width * g.channels;
      for (std::int64_t ow = 0; ow < g.output_width; ++ow) {
        for (std::int64_t q = 0; q < sides.width; ++q) {
          const auto place = static_cast<std::uint8_t>(row * sides.width + q);
          if (ow < vectors) {
            put_vectors<bytes>(error + from, source + from, place, g.channels, to + q * g.channels);
          } else {
            put_row(error + from, source + from, place, g.channels, to + q * g.channels);
          }
        }
        from += g.channels;
        to += g.stride * g.channels;
      }
    }
}

struct Unpool {
  const std::int8_t* error;
  const std::uint8_t* source;
  const PoolGeometry& g;
  std::int8_t* passed;
  template <std::int64_t bytes, bool two>
  [[gnu::always_inline]] void run() const {
    unpool_lines<bytes, two>(error, source, g, passed);
  }
};

OCTET_KERNEL void unpool(const std::int8_t* error, const std::uint8_t* source,
                         const PoolGeometry& g, std::int8_t* passed) {
  by_geometry(g, Unpool{error, source, g, passed});
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

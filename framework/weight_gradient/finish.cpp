#include "framework/weight_gradient/finish.h"

#include <algorithm>
#include <cstring>

#include "framework/parallel.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace octet::weight_gradient {
namespace {

constexpr std::int64_t tile = 16;
constexpr std::int64_t stream_bytes = 8 << 20;

// 16 filters.
struct Filters {
  alignas(64) float scales[tile] = {};
  alignas(64) std::int64_t corrections[tile] = {};
  std::int64_t count;

  Filters(const Result& result, std::int64_t first)
      : count(std::min(tile, result.layout->problem->filters - first)) {
    for (std::int64_t k = 0; k < count; ++k) {
      scales[k] = result.scales[(first + k) * result.scale_step];
      if (const std::int64_t zero = result.layout->problem->zero)
        corrections[k] = zero * result.error_sums[first + k];
    }
  }
};

struct Tile {
  const Result& result;
  const Filters& filters;
  std::int64_t at;    // of the first channel's sum of the first filter
  std::int64_t step;  // from channel to channel
  std::int64_t channels;
  float* target;
  std::int64_t filter_step;
};

// Vectors of any width, which the compiler cuts to what the processor has.
using Floats = float __attribute__((vector_size(4 * tile)));
using Ints = std::int32_t __attribute__((vector_size(4 * tile)));
using Words = std::uint32_t __attribute__((vector_size(4 * tile)));
using Wides = std::int64_t __attribute__((vector_size(8 * tile)));

template <class Vector, class T>
inline void load(Vector& vector, const T* from) {
  static_assert(sizeof(T) * tile == sizeof(Vector));
  std::memcpy(&vector, from, sizeof vector);
}

// floats[channel][filter] = scales * (sums of all parts - correction).
OCTET_KERNEL void sum_wide(const Tile& t, float (*floats)[tile]) {
  Wides corrections;
  Floats factors;
  load(corrections, t.filters.corrections);
  load(factors, t.filters.scales);
  for (std::int64_t c = 0; c < t.channels; ++c) {
    Wides total = -corrections, wide;
    Ints sums;
    for (const Part* part : t.result.parts) {
      load(sums, part->sums() + t.at + c * t.step);
      total += __builtin_convertvector(sums, Wides);
      if (!part->wide_sums()) continue;
      load(wide, part->wide_sums() + t.at + c * t.step);
      total += wide;
    }
    const Floats result = factors * __builtin_convertvector(total, Floats);
    std::memcpy(floats[c], &result, sizeof result);
  }
}

// The same where the result fits 32 bits; then it does not matter that sums before the correction
// may not.
OCTET_KERNEL void sum_narrow(const Tile& t, float (*floats)[tile]) {
  Wides corrections;
  Floats factors;
  load(corrections, t.filters.corrections);
  load(factors, t.filters.scales);
  const Words start = -__builtin_convertvector(corrections, Words);
  for (std::int64_t c = 0; c < t.channels; ++c) {
    Words total = start, sums;
    for (const Part* part : t.result.parts) {
      load(sums, part->sums() + t.at + c * t.step);
      total += sums;
    }
    const Floats result = factors * __builtin_convertvector(reinterpret_cast<Ints>(total), Floats);
    std::memcpy(floats[c], &result, sizeof result);
  }
}

#if defined(__x86_64__)
template <bool stream>
void write_transposed(const float (*floats)[tile], const Tile& t) {
  const auto put = [](float* to, __m128 four) {
    if constexpr (stream)
      _mm_stream_ps(to, four);
    else
      _mm_storeu_ps(to, four);
  };
  for (std::int64_t k = 0; k < tile; k += 4) {
    float* const to = t.target + k * t.filter_step;
    for (std::int64_t c = 0; c < tile; c += 4) {
      __m128 a = _mm_loadu_ps(&floats[c][k]), b = _mm_loadu_ps(&floats[c + 1][k]),
             d = _mm_loadu_ps(&floats[c + 2][k]), e = _mm_loadu_ps(&floats[c + 3][k]);
      _MM_TRANSPOSE4_PS(a, b, d, e);
      put(to + c, a);
      put(to + t.filter_step + c, b);
      put(to + 2 * t.filter_step + c, d);
      put(to + 3 * t.filter_step + c, e);
    }
  }
}

// Whole lines of cache of a gradient that no cache holds need not be read before they are written.
void write_tile(const float (*floats)[tile], const Tile& t, std::int64_t bytes) {
  const bool lines =
      reinterpret_cast<std::uintptr_t>(t.target) % 64 == 0 && t.filter_step % 16 == 0;
  if (lines && bytes >= stream_bytes)
    write_transposed<true>(floats, t);
  else
    write_transposed<false>(floats, t);
}
#endif

void write(const Tile& t, bool narrow) {
  float floats[tile][tile];
  (narrow ? sum_narrow : sum_wide)(t, floats);
#if defined(__x86_64__)
  if (t.filters.count == tile && t.channels == tile)
    return write_tile(floats, t, 4 * t.filter_step * t.result.layout->problem->filters);
#endif
  for (std::int64_t k = 0; k < t.filters.count; ++k)
    for (std::int64_t c = 0; c < t.channels; ++c) t.target[k * t.filter_step + c] = floats[c][k];
}

}  // namespace

void finish_block(const Result& result, const Block& block, std::int64_t at, std::int64_t first,
                  std::int64_t last) {
  const Layout& layout = *result.layout;
  const Problem& p = *layout.problem;
  const Window& w = p.window;
  const bool narrow = p.positions <= int32_positions;
  for (std::int64_t v = 0; v < block.vectors; ++v) {
    const std::int64_t filter = (block.first + v) * 16;
    const Filters filters(result, filter);
    for (std::int64_t kh = 0; kh < w.kernel_h; ++kh)
      for (std::int64_t kw = 0; kw < w.kernel_w; ++kw)
        for (std::int64_t c = first; c < last; c += tile) {
          const std::int64_t row =
              (c * w.kernel_h + kh) * w.kernel_w + layout.tap_order[static_cast<std::size_t>(kw)];
          const std::int64_t weight = ((filter * w.kernel_h + kh) * w.kernel_w + kw) * p.channels +
                                      result.parts.front()->first_channel() + c;
          write({.result = result,
                 .filters = filters,
                 .at = at + row * block.vectors * 16 + v * 16,
                 .step = w.kernel_h * w.kernel_w * block.vectors * 16,
                 .channels = std::min(tile, last - c),
                 .target = result.gradient + weight,
                 .filter_step = layout.rows(p.channels)},
                narrow);
        }
  }
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

void finish(const Result& result, std::int64_t first, std::int64_t last) {
  const std::int64_t rows = result.layout->rows(result.parts.front()->channels());
  for (const Block& block : result.layout->blocks)
    finish_block(result, block, block.first * 16 * rows, first, last);
}

}  // namespace octet::weight_gradient

#include "framework/weight_gradient/finish.h"

#include <algorithm>

#include "framework/parallel.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace octet::weight_gradient {
namespace {

constexpr std::int64_t tile = 16;

struct Tile {
  const Result& result;
  std::int64_t at;    // of the first channel's sum of the first filter
  std::int64_t step;  // from channel to channel
  std::int64_t filter, filters, channels;
  float* target;
  std::int64_t filter_step;
};

// floats[channel][filter] = sums; the plain kind, and one whose sums all fit 32 bits, where it does
// not matter that those before the correction may not.
void add_wide(const std::int32_t* sums, const std::int64_t* wide, std::int64_t* total) {
  for (std::int64_t k = 0; k < tile; ++k) total[k] += sums[k];
  if (wide)
    for (std::int64_t k = 0; k < tile; ++k) total[k] += wide[k];
}

OCTET_KERNEL void sum_wide(const Tile& t, const std::int64_t* correction, const float* scales,
                           float (*floats)[tile]) {
  for (std::int64_t c = 0; c < t.channels; ++c) {
    std::int64_t total[tile];
    for (std::int64_t k = 0; k < tile; ++k) total[k] = -correction[k];
    for (const Part* part : t.result.parts) {
      const std::int64_t at = t.at + c * t.step;
      add_wide(part->sums() + at, part->wide_sums() ? part->wide_sums() + at : nullptr, total);
    }
    for (std::int64_t k = 0; k < tile; ++k) floats[c][k] = scales[k] * static_cast<float>(total[k]);
  }
}

OCTET_KERNEL void sum_narrow(const Tile& t, const std::int64_t* correction, const float* scales,
                             float (*floats)[tile]) {
  for (std::int64_t c = 0; c < t.channels; ++c) {
    std::uint32_t total[tile];
    for (std::int64_t k = 0; k < tile; ++k) total[k] = -static_cast<std::uint32_t>(correction[k]);
    for (const Part* part : t.result.parts) {
      const std::int32_t* const sums = part->sums() + t.at + c * t.step;
      for (std::int64_t k = 0; k < tile; ++k) total[k] += static_cast<std::uint32_t>(sums[k]);
    }
    for (std::int64_t k = 0; k < tile; ++k)
      floats[c][k] = scales[k] * static_cast<float>(static_cast<std::int32_t>(total[k]));
  }
}

void write_transposed(const float (*floats)[tile], const Tile& t) {
#if defined(__x86_64__)
  for (std::int64_t k = 0; k < tile; k += 4)
    for (std::int64_t c = 0; c < tile; c += 4) {
      __m128 a = _mm_loadu_ps(&floats[c][k]), b = _mm_loadu_ps(&floats[c + 1][k]),
             d = _mm_loadu_ps(&floats[c + 2][k]), e = _mm_loadu_ps(&floats[c + 3][k]);
      _MM_TRANSPOSE4_PS(a, b, d, e);
      float* const to = t.target + k * t.filter_step + c;
      _mm_storeu_ps(to, a);
      _mm_storeu_ps(to + t.filter_step, b);
      _mm_storeu_ps(to + 2 * t.filter_step, d);
      _mm_storeu_ps(to + 3 * t.filter_step, e);
    }
#else
  for (std::int64_t k = 0; k < tile; ++k)
    for (std::int64_t c = 0; c < tile; ++c) t.target[k * t.filter_step + c] = floats[c][k];
#endif
}

void write(const Tile& t, bool narrow) {
  const Result& r = t.result;
  std::int64_t correction[tile] = {};
  float scales[tile] = {};
  for (std::int64_t k = 0; k < t.filters; ++k) {
    scales[k] = r.scales[(t.filter + k) * r.scale_step];
    if (r.layout->problem->flip) correction[k] = 128 * r.error_sums[t.filter + k];
  }
  float floats[tile][tile];
  (narrow ? sum_narrow : sum_wide)(t, correction, scales, floats);
  if (t.filters == tile && t.channels == tile) return write_transposed(floats, t);
  for (std::int64_t k = 0; k < t.filters; ++k)
    for (std::int64_t c = 0; c < t.channels; ++c) t.target[k * t.filter_step + c] = floats[c][k];
}

}  // namespace

void finish(const Result& result, std::int64_t first, std::int64_t last) {
  const Layout& layout = *result.layout;
  const Problem& p = *layout.problem;
  const Window& w = p.window;
  const Part& part = *result.parts.front();
  const std::int64_t rows = layout.rows(part.channels());
  const bool narrow = p.positions <= int32_positions;
  for (const Block& block : layout.blocks)
    for (std::int64_t v = 0; v < block.vectors; ++v) {
      const std::int64_t filter = (block.first + v) * 16;
      for (std::int64_t kh = 0; kh < w.kernel_h; ++kh)
        for (std::int64_t kw = 0; kw < w.kernel_w; ++kw)
          for (std::int64_t c = first; c < last; c += tile) {
            const std::int64_t row =
                (c * w.kernel_h + kh) * w.kernel_w + layout.tap_order[static_cast<std::size_t>(kw)];
            const std::int64_t weight =
                ((filter * w.kernel_h + kh) * w.kernel_w + kw) * p.channels + part.first_channel() +
                c;
            write({.result = result,
                   .at = block.first * 16 * rows + row * block.vectors * 16 + v * 16,
                   .step = w.kernel_h * w.kernel_w * block.vectors * 16,
                   .filter = filter,
                   .filters = std::min(tile, p.filters - filter),
                   .channels = std::min(tile, last - c),
                   .target = result.gradient + weight,
                   .filter_step = layout.rows(p.channels)},
                  narrow);
          }
    }
}

}  // namespace octet::weight_gradient

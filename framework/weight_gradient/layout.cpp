#include "framework/weight_gradient/layout.h"

#include <algorithm>

#include "framework/arithmetic.h"

namespace octet::weight_gradient {
namespace {

// Packed codes of a chunk: half of a small second-level cache, or more where the sums, which every
// chunk reads and writes, do not fit there anyway.
constexpr std::int64_t least_chunk_bytes = 384 << 10, most_chunk_bytes = 1536 << 10;
constexpr std::int64_t flat_line = 64;

}  // namespace

Layout::Layout(const Problem& p, const Kernel& kernel, std::int64_t channels,
               std::int64_t most_lines)
    : problem(&p), flat(kernel.flat) {
  const Window& w = p.window;
  const std::int64_t stride = w.stride;
  phases_h = std::min(stride, w.kernel_h);
  phases_w = std::min(stride, w.kernel_w);
  tap_order.resize(static_cast<std::size_t>(w.kernel_w));
  std::int64_t order = 0;
  for (std::int64_t phase = 0; phase < phases_w; ++phase)
    for (std::int64_t first = phase; first < w.kernel_w;) {
      const std::int64_t left = ceil_div(w.kernel_w - first, stride);
      std::int64_t taps = 1;
      for (const std::int64_t size : {2, 3, 5})
        if (size <= left && size <= kernel.taps) taps = size;
      runs.push_back({first, order, taps});
      for (std::int64_t t = 0; t < taps; ++t, first += stride, ++order)
        tap_order[static_cast<std::size_t>(first)] = order;
    }

  vectors = ceil_div(p.filters, 16);
  for (std::int64_t first = 0; first < vectors;) {
    const std::int64_t left = vectors - first;
    // A last block of one vector would be poor in registers used.
    const std::int64_t size = left == kernel.block + 1 && kernel.block > 2
                                  ? kernel.block - 1
                                  : std::min(left, kernel.block);
    blocks.push_back({first, size});
    first += size;
  }

  extra_lines = (w.kernel_h - 1) / stride;
  pitch = p.output_w + (w.kernel_w - 1) / stride;
  shared_lines = 0;
  if (stride == 1) {
    // Padding behind a line is the padding before the next.
    pitch -= std::clamp<std::int64_t>(std::min(w.pad_left, w.pad_right), 0, w.kernel_w - 1);
    shared_lines = std::clamp<std::int64_t>(std::min(w.pad_top, w.pad_bottom), 0, w.kernel_h - 1);
  }
  line_groups = flat ? flat_line / 4 : ceil_div(p.output_w, 4);

  const std::int64_t line_bytes =
      channels * phases_h * phases_w * pitch + line_groups * 4 * vectors * 16;
  const std::int64_t chunk_bytes =
      std::clamp(rows(channels) * vectors * 16, least_chunk_bytes, most_chunk_bytes);
  chunk_lines = std::clamp<std::int64_t>(chunk_bytes / line_bytes, 1, most_lines);
  // The sums of a chunk fit int32, whatever the codes.
  chunk_lines = std::min(chunk_lines, std::max<std::int64_t>(1, int32_positions / p.output_w));
  if (chunk_lines > p.output_h) chunk_lines -= chunk_lines % p.output_h;
  const std::int64_t segments = chunk_lines / p.output_h + 2;
  const std::int64_t lines = chunk_lines + segments * extra_lines;
  // Kernels read past the last line, as far as a packed line and the window reach.
  phase_size = lines * pitch + w.kernel_w + 4 * line_groups;
  // Lines of cache that lie a power of two apart would displace each other.
  phase_size = (phase_size + 63) / 64 * 64;
  if (phase_size / 64 % 2 == 0) phase_size += 64;
  channel_size = phases_h * phases_w * phase_size;
}

std::int64_t Layout::offset(std::int64_t channel, std::int64_t kernel_h, const Run& run) const {
  const std::int64_t stride = problem->window.stride;
  const std::int64_t phase = kernel_h % stride * phases_w + run.first % stride;
  return channel * channel_size + phase * phase_size + kernel_h / stride * pitch +
         run.first / stride;
}

std::int64_t Layout::most_groups() const {
  if (!flat) return chunk_lines * line_groups;
  return ceil_div(phase_size, flat_line) * line_groups;
}

void Chunk::place(const Layout& layout, std::int64_t first_line, std::int64_t count) {
  const Problem& p = *layout.problem;
  first = first_line;
  lines = count;
  starts.clear();
  packed_starts.clear();
  std::int64_t line = 0;  // of the planes
  for (std::int64_t i = 0; i < count; ++i, ++line) {
    if (i > 0 && (first_line + i) % p.output_h == 0)
      line += layout.extra_lines - layout.shared_lines;
    starts.push_back(line * layout.pitch);
  }
  if (layout.flat) {
    const std::int64_t end = starts.back() + p.output_w;
    for (std::int64_t at = 0; at < end; at += flat_line)
      packed_starts.push_back(static_cast<std::int32_t>(at));
  } else {
    for (const std::int64_t start : starts)
      packed_starts.push_back(static_cast<std::int32_t>(start));
  }
  groups = static_cast<std::int64_t>(packed_starts.size()) * layout.line_groups;
}

}  // namespace octet::weight_gradient

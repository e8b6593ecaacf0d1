#include "framework/weight_gradient/part.h"

#include <algorithm>

namespace octet::weight_gradient {
namespace {

// Packed errors of one block of filters that stay in the cache while all rows pass.
constexpr std::int64_t sweep_bytes = 64 << 10;

void grow(Tensor& tensor, std::int64_t size, Element element) {
  if (tensor.empty() || tensor.elements() < size) tensor.resize({size}, element);
}

}  // namespace

void Part::run(const Layout& layout, const Kernel& kernel, std::int64_t first, std::int64_t last,
               std::int64_t first_channel, std::int64_t channels, bool errors_packed) {
  const Problem& p = *layout.problem;
  // A kernel that takes 16 channels at a time works on planes that nobody asked for.
  const std::int64_t planes = layout.flat ? (channels + 15) / 16 * 16 : channels;
  const std::int64_t size = layout.rows(planes) * layout.vectors * 16;
  first_channel_ = first_channel;
  channels_ = planes;
  grow(planes_, planes * layout.channel_size, Element::uint8);
  grow(error_, layout.most_groups() * 64 * layout.vectors, Element::int8);
  grow(sums_, size, Element::int32);
  offsets_.clear();
  for (const Run& run : layout.runs)
    for (std::int64_t c = 0; c < planes; ++c)
      for (std::int64_t kh = 0; kh < p.window.kernel_h; ++kh)
        offsets_.push_back(layout.offset(c, kh, run));
  is_wide_ = false;
  if (!errors_packed) error_sums_.assign(static_cast<std::size_t>(layout.vectors * 16), 0);

  std::int64_t positions = 0, cleared_line = -1, cleared_lines = 0;
  for (std::int64_t line = first; line < last; line += chunk_.lines) {
    // The first chunk ends with an image, so that the others are whole images where they can be.
    const std::int64_t until = layout.chunk_lines >= p.output_h
                                   ? layout.chunk_lines - line % p.output_h
                                   : layout.chunk_lines;
    chunk_.place(layout, line, std::min(until, last - line));
    const std::int64_t next = chunk_.lines * p.output_w;
    if (positions + next > int32_positions) {
      widen(static_cast<std::size_t>(size), !is_wide_);
      is_wide_ = true;
      positions = 0;
    }
    if (cleared_line != line % p.output_h || cleared_lines != chunk_.lines) {
      clear_planes(layout, planes, planes_.data<std::uint8_t>());
      cleared_line = line % p.output_h;
      cleared_lines = chunk_.lines;
    }
    pack_planes(layout, chunk_, first_channel, channels, planes_.data<std::uint8_t>());
    if (!errors_packed) pack_errors(layout, kernel);
    multiply(layout, kernel, positions == 0);
    positions += next;
  }
}

void Part::pack_errors(const Layout& layout, const Kernel& kernel) {
  std::int8_t* const packed = error_.data<std::int8_t>();
  packer_.pack(layout, kernel, chunk_, packed);
  chunk_error_sums_.assign(error_sums_.size(), 0);
  for (const Block& block : layout.blocks)
    kernel.add_errors(packed + chunk_.groups * 64 * block.first, chunk_.groups, block.vectors,
                      chunk_error_sums_.data() + block.first * 16);
  for (std::size_t k = 0; k < error_sums_.size(); ++k) error_sums_[k] += chunk_error_sums_[k];
}

void Part::multiply(const Layout& layout, const Kernel& kernel, bool fresh) {
  const Window& w = layout.problem->window;
  const std::int64_t rows = layout.rows(channels_), count = channels_ * w.kernel_h;
  const auto lines = static_cast<std::int64_t>(chunk_.packed_starts.size());
  const std::int8_t* error = error_.data<std::int8_t>();
  for (const Block& block : layout.blocks) {
    const std::int64_t line_bytes = layout.line_groups * 64 * block.vectors;
    const std::int64_t most = std::max<std::int64_t>(1, sweep_bytes / line_bytes);
    for (std::int64_t line = 0; line < lines; line += most) {
      Sweep sweep{.planes = planes_.data<std::uint8_t>(),
                  .offsets = offsets_.data(),
                  .count = count,
                  .row_step = w.kernel_w,
                  .kernel_h = w.kernel_h,
                  .channel_size = layout.channel_size,
                  .error = error + line * line_bytes,
                  .line_starts = chunk_.packed_starts.data() + line,
                  .lines = std::min(most, lines - line),
                  .line_groups = layout.line_groups,
                  .vectors = block.vectors,
                  .fresh = fresh && line == 0};
      for (const Run& run : layout.runs) {
        sweep.taps = run.taps;
        sweep.sums =
            sums_.data<std::int32_t>() + block.first * 16 * rows + run.order * block.vectors * 16;
        kernel.multiply(sweep);
        sweep.offsets += count;
      }
    }
    error += lines * line_bytes;
  }
}

void Part::widen(std::size_t size, bool fresh) {
  if (wide_.size() < size) wide_.resize(size);
  const std::int32_t* const sums = sums_.data<std::int32_t>();
  if (fresh)
    std::copy(sums, sums + size, wide_.begin());
  else
    for (std::size_t i = 0; i < size; ++i) wide_[i] += sums[i];
}

}  // namespace octet::weight_gradient

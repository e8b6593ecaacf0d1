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
               std::int64_t first_channel, std::int64_t channels) {
  const Problem& p = *layout.problem;
  begin(layout, first_channel, channels);
  const std::int64_t size = layout.rows(channels_) * layout.vectors * 16;
  grow(sums_, size, Element::int32);
  error_sums_.assign(static_cast<std::size_t>(layout.vectors * 16), 0);
  std::int64_t positions = 0;
  for (std::int64_t line = first; line < last; line += chunk_.lines) {
    // The first chunk ends with an image, so that the others are whole images where they can be.
    const std::int64_t until = layout.chunk_lines >= p.output_h
                                   ? layout.chunk_lines - line % p.output_h
                                   : layout.chunk_lines;
    chunk_.place(layout, line, std::min(until, last - line));
    const std::int64_t next = chunk_.lines * p.output_w;
    if (positions > 0 && positions + next > int32_positions) {
      widen(static_cast<std::size_t>(size), !is_wide_);
      is_wide_ = true;
      positions = 0;
    }
    pack_codes(layout, kernel, channels);
    pack_errors(layout, kernel);
    for (const Block& block : layout.blocks) {
      const std::int64_t at = block.first * 16 * layout.rows(channels_);
      multiply(layout, kernel, block, positions == 0, sums_.data<std::int32_t>() + at);
    }
    positions += next;
  }
}

void Part::pack(const Layout& layout, const Kernel& kernel, std::int64_t first_channel,
                std::int64_t channels, bool errors_packed) {
  begin(layout, first_channel, channels);
  chunk_.place(layout, 0, layout.problem->lines);
  pack_codes(layout, kernel, channels);
  if (errors_packed) return;
  error_sums_.assign(static_cast<std::size_t>(layout.vectors * 16), 0);
  pack_errors(layout, kernel);
}

void Part::multiply_block(const Layout& layout, const Kernel& kernel, const Block& block) {
  grow(sums_, layout.rows(channels_) * block.vectors * 16, Element::int32);
  multiply(layout, kernel, block, true, sums_.data<std::int32_t>());
}

void Part::begin(const Layout& layout, std::int64_t first_channel, std::int64_t channels) {
  // A kernel that takes 16 channels at a time works on planes that nobody asked for.
  first_channel_ = first_channel;
  channels_ = layout.flat ? (channels + 15) / 16 * 16 : channels;
  grow(planes_, channels_ * layout.channel_size, Element::uint8);
  grow(error_, layout.most_groups() * 64 * layout.vectors, Element::int8);
  offsets_.clear();
  for (const Run& run : layout.runs)
    for (std::int64_t c = 0; c < channels_; ++c)
      for (std::int64_t kh = 0; kh < layout.problem->window.kernel_h; ++kh)
        offsets_.push_back(layout.offset(c, kh, run));
  is_wide_ = false;
  cleared_lines_ = 0;
}

void Part::pack_codes(const Layout& layout, const Kernel& kernel, std::int64_t channels) {
  const std::int64_t line = chunk_.first % layout.problem->output_h;
  if (cleared_line_ != line || cleared_lines_ != chunk_.lines) {
    clear_planes(layout, channels_, planes_.data<std::uint8_t>());
    cleared_line_ = line;
    cleared_lines_ = chunk_.lines;
  }
  pack_planes(layout, kernel, chunk_, first_channel_, channels, planes_.data<std::uint8_t>());
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

void Part::multiply(const Layout& layout, const Kernel& kernel, const Block& block, bool fresh,
                    std::int32_t* sums) {
  const Window& w = layout.problem->window;
  const auto lines = static_cast<std::int64_t>(chunk_.packed_starts.size());
  const std::int64_t line_bytes = layout.line_groups * 64 * block.vectors;
  const std::int64_t most = std::max<std::int64_t>(1, sweep_bytes / line_bytes);
  const std::int8_t* const error = error_.data<std::int8_t>() + chunk_.groups * 64 * block.first;
  for (std::int64_t line = 0; line < lines; line += most) {
    Sweep sweep{.planes = planes_.data<std::uint8_t>(),
                .offsets = offsets_.data(),
                .count = channels_ * w.kernel_h,
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
      sweep.sums = sums + run.order * block.vectors * 16;
      kernel.multiply(sweep);
      sweep.offsets += sweep.count;
    }
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

#include "framework/weight_gradient/pack.h"

#include <algorithm>
#include <cstring>

#include "framework/weight_gradient/transpose.h"

namespace octet::weight_gradient {
namespace {

// `count` positions of a line, `step` bytes apart, to planes `plane` bytes apart.
struct Line {
  const std::uint8_t *source, *end;  // nothing may be read from end on
  std::int64_t step;
  std::uint8_t flip;
  std::uint8_t* target;
  std::int64_t plane;
};

template <int positions, int channels>
void pack_tile(const Line& line, std::int64_t position, std::int64_t channel, std::int64_t kept) {
  const std::uint8_t* source = line.source + position * line.step + channel;
  std::uint8_t* const target = line.target + channel * line.plane + position;
  const std::int64_t read = (positions - 1) * line.step + channels;
  if (read <= line.end - source)
    return transpose<positions, channels>(source, line.step, line.flip, kept, target, line.plane);
  std::uint8_t copy[positions * channels] = {};
  for (int i = 0; i < positions; ++i, source += line.step)
    std::memcpy(copy + i * channels, source, static_cast<std::size_t>(kept));
  transpose<positions, channels>(copy, channels, line.flip, kept, target, line.plane);
}

// All channels of some positions; what does not divide is done twice, at the far end.
template <int positions>
void pack_positions(const Line& line, std::int64_t position, std::int64_t channels) {
  if (channels >= 16) {
    for (std::int64_t c = 0; c < channels; c += 16)
      pack_tile<positions, 16>(line, position, std::min(c, channels - 16), 16);
  } else if (channels >= 4) {
    for (std::int64_t c = 0; c < channels; c += 4)
      pack_tile<positions, 4>(line, position, std::min(c, channels - 4), 4);
  } else {
    pack_tile<positions, 4>(line, position, 0, channels);
  }
}

void pack_line(const Kernel& kernel, const Line& line, std::int64_t count, std::int64_t channels) {
  if (channels == 1 && line.step == 1) {
    for (std::int64_t i = 0; i < count; ++i)
      line.target[i] = static_cast<std::uint8_t>(line.source[i] ^ line.flip);
    return;
  }
  std::int64_t i = 0;
  if (kernel.pack_codes && count >= 16 && channels >= 16) {
    const std::int64_t most = count / 16 * 16, done = channels / 16 * 16;
    kernel.pack_codes(line.source, line.step, line.flip, most, done, line.target, line.plane);
    if (done < channels)
      for (std::int64_t x = 0; x < most; x += 16) pack_tile<16, 16>(line, x, channels - 16, 16);
    i = most;
  }
  for (; count - i >= 16; i += 16) pack_positions<16>(line, i, channels);
  for (; count - i >= 8; i += 8) pack_positions<8>(line, i, channels);
  for (; count - i >= 4; i += 4) pack_positions<4>(line, i, channels);
  if (i < count && count >= 4) return pack_positions<4>(line, count - 4, channels);
  for (; i < count; ++i)
    for (std::int64_t c = 0; c < channels; ++c)
      line.target[c * line.plane + i] =
          static_cast<std::uint8_t>(line.source[i * line.step + c] ^ line.flip);
}

}  // namespace

void clear_planes(const Layout& layout, std::int64_t channels, std::uint8_t* planes) {
  std::memset(planes, layout.problem->zero,
              static_cast<std::size_t>(channels * layout.channel_size));
}

void pack_planes(const Layout& layout, const Kernel& kernel, const Chunk& chunk, std::int64_t first,
                 std::int64_t channels, std::uint8_t* planes) {
  const Problem& p = *layout.problem;
  const Window& w = p.window;
  for (std::int64_t i = 0; i < chunk.lines;) {
    const std::int64_t image = (chunk.first + i) / p.output_h;
    const std::int64_t output_line = (chunk.first + i) % p.output_h;
    const std::int64_t count = std::min(chunk.lines - i, p.output_h - output_line);
    for (std::int64_t phase_h = 0; phase_h < layout.phases_h; ++phase_h)
      for (std::int64_t j = 0; j < count + layout.extra_lines; ++j) {
        const std::int64_t h = (output_line + j) * w.stride + phase_h - w.pad_top;
        if (h < 0 || h >= p.height) continue;
        const std::int64_t input_line = image * p.height + h;
        for (std::int64_t phase_w = 0; phase_w < layout.phases_w; ++phase_w) {
          // Columns x of the plane hold position x * stride + shift of the line.
          const std::int64_t shift = phase_w - w.pad_left;
          const std::int64_t x = shift < 0 ? (-shift + w.stride - 1) / w.stride : 0;
          const std::int64_t width = std::min(p.width, p.input_positions - input_line * p.width);
          const std::int64_t most = (width - shift + w.stride - 1) / w.stride - x;
          const std::int64_t phase = phase_h * layout.phases_w + phase_w;
          pack_line(kernel,
                    {p.input + (input_line * p.width + x * w.stride + shift) * p.input_step + first,
                     p.input_end, w.stride * p.input_step, p.flip,
                     planes + phase * layout.phase_size +
                         chunk.starts[static_cast<std::size_t>(i)] + j * layout.pitch + x,
                     layout.channel_size},
                    std::min(most, layout.pitch - x), channels);
        }
      }
    i += count;
  }
}

void ErrorPacker::pack(const Layout& layout, const Kernel& kernel, const Chunk& chunk,
                       std::int8_t* packed) {
  const Problem& p = *layout.problem;
  const auto row = static_cast<std::size_t>(layout.vectors * 16);
  if (zeros_.size() < row) zeros_.resize(row);
  if (tail_.size() < 16 * row) tail_.resize(16 * row);
  const auto size = static_cast<std::size_t>(chunk.groups * 4);
  if (positions_.size() < size) positions_.resize(size);
  std::int8_t* copy = tail_.data();
  const std::int8_t** next = positions_.data();
  const auto fill = [&](const std::int8_t** until) {
    while (next != until) *next++ = zeros_.data();
  };
  for (std::int64_t i = 0; i < chunk.lines; ++i) {
    const std::int64_t line = chunk.first + i;
    const std::int8_t* const source = p.error + line * p.output_w * p.error_step;
    fill(positions_.data() +
         (layout.flat ? chunk.starts[static_cast<std::size_t>(i)] : i * layout.line_groups * 4));
    const std::int64_t width = p.line_width(line);
    for (std::int64_t x = 0; x < width; ++x) next[x] = source + x * p.error_step;
    // Whole vectors of the last few positions would be read beyond the tensor's end.
    for (std::int64_t x = width - 1;
         x >= 0 && p.error_end - next[x] < static_cast<std::int64_t>(row); --x) {
      std::memcpy(copy, next[x], static_cast<std::size_t>(p.filters));
      next[x] = copy;
      copy += row;
    }
    next += width;
  }
  fill(positions_.data() + size);
  for (const Block& block : layout.blocks) {
    kernel.pack_errors(positions_.data(), chunk.groups, block.first * 16, block.vectors, packed);
    packed += chunk.groups * block.vectors * 64;
  }
}

void pack_errors(const std::int8_t* const* positions, std::int64_t groups, std::int64_t filter,
                 std::int64_t vectors, std::int8_t* packed) {
  for (; groups > 0; --groups, positions += 4)
    for (std::int64_t k = filter; k < filter + 16 * vectors; k += 16, packed += 64) {
      const std::int8_t* const four[4] = {positions[0] + k, positions[1] + k, positions[2] + k,
                                          positions[3] + k};
      interleave(four, packed);
    }
}

}  // namespace octet::weight_gradient

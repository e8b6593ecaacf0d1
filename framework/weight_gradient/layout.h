// Where the codes of a block of output lines lie once they are packed. Channels become planes of
// consecutive positions with their padding, so that a shift of the window is an offset in bytes;
// stride s makes s x s planes of a channel, one for each phase. Errors lie beside each other in
// fours of positions: [block of filters][position / 4][filter][position % 4].
#pragma once

#include <cstdint>
#include <vector>

#include "framework/weight_gradient/kernel.h"
#include "framework/window.h"

namespace octet::weight_gradient {

/// So many products of a byte 0 .. 255 and a byte -128 .. 127 are sure to sum to an int32.
constexpr std::int64_t int32_positions = ((std::int64_t{1} << 31) - 1) / (255 * 128);

/// One group of channels of a convolution. A 1 x 1 window at stride 1 sees no neighbours: its
/// positions, over the whole batch, are lines of one image, and the last line may be short.
struct Problem {
  const std::uint8_t *input, *input_end;
  const std::int8_t *error, *error_end;
  std::int64_t height, width, channels, input_step;  // steps: bytes from position to position
  std::int64_t output_h, output_w, filters, error_step;
  std::int64_t lines, positions;  // of the output, over the batch
  std::int64_t input_positions;   // over the batch
  Window window;
  std::uint8_t flip;  // 0x80 makes int8 codes a into a + 128; 0 for uint8
  std::uint8_t zero;  // the code of the real 0 then, which padding has

  /// Positions of a line of the output.
  std::int64_t line_width(std::int64_t line) const {
    const std::int64_t left = positions - line * output_w;
    return left < output_w ? left : output_w;
  }
};

/// Taps of the window that are neighbours in a plane: kernel_w = first, first + stride ...
struct Run {
  std::int64_t first;  // kernel_w of the first tap
  std::int64_t order;  // how many taps are in the runs before it
  std::int64_t taps;
};

/// Filters 16 * first .. 16 * (first + vectors) - 1.
struct Block {
  std::int64_t first, vectors;
};

struct Layout {
  const Problem* problem;
  std::vector<Run> runs;
  std::vector<Block> blocks;
  std::vector<std::int64_t> tap_order;  // kernel_w -> its place in the sums
  std::int64_t vectors;                 // of 16 filters
  std::int64_t extra_lines, shared_lines;
  std::int64_t pitch;               // bytes of a line of a plane
  std::int64_t phases_h, phases_w;  // planes of a channel
  std::int64_t phase_size, channel_size;
  std::int64_t line_groups;  // fours of positions in a line of packed errors
  bool flat;                 // packed lines are 64 positions of the planes, gaps included
  std::int64_t chunk_lines;  // at most so many output lines at a time

  Layout(const Problem& problem, const Kernel& kernel, std::int64_t channels,
         std::int64_t most_lines);

  std::int64_t rows(std::int64_t channels) const {
    return channels * problem->window.kernel_h * problem->window.kernel_w;
  }
  /// Where the tap (kernel_h, first of run) of `channel` begins in the planes.
  std::int64_t offset(std::int64_t channel, std::int64_t kernel_h, const Run& run) const;
  std::int64_t most_groups() const;
};

/// The lines first .. first + lines - 1 of the output, packed together.
struct Chunk {
  std::int64_t first, lines;
  std::vector<std::int64_t> starts;         // of each output line, in its plane
  std::vector<std::int32_t> packed_starts;  // of each packed line, in its plane
  std::int64_t groups;                      // fours of positions in all

  void place(const Layout& layout, std::int64_t first_line, std::int64_t count);
};

}  // namespace octet::weight_gradient

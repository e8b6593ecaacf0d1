// The loops of the AMX kernel on tiles. The file that includes this defines OCTET_TARGET and passes
// Tiles, eight tiles of 16 rows of 64 bytes:
//   zero<t>(), load<t>(from, step), store<t>(to, step)      rows `step` bytes apart
//   dot<sums, codes, errors>()   sums[i][k] += sum over groups g, positions j of 4 of
//                                codes[i][4 g + j] * errors[g][4 k + j]
// A tile of codes is 16 channels by 64 positions as they lie in the planes; a tile of errors is
// their 16 fours of positions by 16 filters as they are packed. Tiles 0 to 3 hold the sums of up to
// two by two of them, 4 and 5 codes, 6 and 7 errors.
#include <cstdint>

#include "framework/weight_gradient/kernel.h"

namespace octet::weight_gradient {
namespace {

// `a` sixteens of channels times `b` sixteens of filters, over all positions of the sweep.
template <class Tiles, int a, int b>
OCTET_TARGET void multiply_tiles(const Sweep& sweep, std::int64_t at, const std::int8_t* error,
                                 std::int32_t* sums) {
  const std::int64_t filters = sweep.vectors * 16;
  // From channel to channel, and from four positions to the next.
  const std::int64_t sums_step = sweep.kernel_h * sweep.row_step * filters * 4;
  const std::int64_t error_step = filters * 4;
  std::int32_t* const below = sums + 4 * sums_step;  // 16 channels on: sums_step is in bytes
  if (sweep.fresh) {
    Tiles::template zero<0>();
    if constexpr (b > 1) Tiles::template zero<1>();
    if constexpr (a > 1) Tiles::template zero<2>();
    if constexpr (a > 1 && b > 1) Tiles::template zero<3>();
  } else {
    Tiles::template load<0>(sums, sums_step);
    if constexpr (b > 1) Tiles::template load<1>(sums + 16, sums_step);
    if constexpr (a > 1) Tiles::template load<2>(below, sums_step);
    if constexpr (a > 1 && b > 1) Tiles::template load<3>(below + 16, sums_step);
  }
  for (std::int64_t line = 0; line < sweep.lines; ++line, error += 16 * error_step) {
    const std::uint8_t* const codes = sweep.planes + at + sweep.line_starts[line];
    Tiles::template load<6>(error, error_step);
    Tiles::template load<4>(codes, sweep.channel_size);
    Tiles::template dot<0, 4, 6>();
    if constexpr (b > 1) {
      Tiles::template load<7>(error + 64, error_step);
      Tiles::template dot<1, 4, 7>();
    }
    if constexpr (a > 1) {
      Tiles::template load<5>(codes + 16 * sweep.channel_size, sweep.channel_size);
      Tiles::template dot<2, 5, 6>();
      if constexpr (b > 1) Tiles::template dot<3, 5, 7>();
    }
  }
  Tiles::template store<0>(sums, sums_step);
  if constexpr (b > 1) Tiles::template store<1>(sums + 16, sums_step);
  if constexpr (a > 1) Tiles::template store<2>(below, sums_step);
  if constexpr (a > 1 && b > 1) Tiles::template store<3>(below + 16, sums_step);
}

// Packed lines are 64 positions, channels a multiple of 16. All shifts of the same channels follow
// each other, so that their codes stay in the first-level cache.
template <class Tiles>
OCTET_TARGET void multiply_by_tiles(const Sweep& sweep) {
  const std::int64_t filters = sweep.vectors * 16, channels = sweep.count / sweep.kernel_h;
  for (std::int64_t vector = 0; vector < sweep.vectors; vector += 2)
    for (std::int64_t c = 0; c < channels; c += 32)
      for (std::int64_t kh = 0; kh < sweep.kernel_h; ++kh)
        for (std::int64_t tap = 0; tap < sweep.taps; ++tap) {
          const std::int64_t offset = c * sweep.kernel_h + kh;
          const std::int64_t at = sweep.offsets[offset] + tap;
          const std::int8_t* const error = sweep.error + vector * 64;
          std::int32_t* const sums =
              sweep.sums + (offset * sweep.row_step + tap) * filters + vector * 16;
          const bool two_a = channels - c > 16, two_b = sweep.vectors - vector > 1;
          if (two_a && two_b)
            multiply_tiles<Tiles, 2, 2>(sweep, at, error, sums);
          else if (two_a)
            multiply_tiles<Tiles, 2, 1>(sweep, at, error, sums);
          else if (two_b)
            multiply_tiles<Tiles, 1, 2>(sweep, at, error, sums);
          else
            multiply_tiles<Tiles, 1, 1>(sweep, at, error, sums);
        }
}

}  // namespace
}  // namespace octet::weight_gradient

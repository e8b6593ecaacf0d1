// Plain C++, for processors that no other kernel knows.
#include "framework/weight_gradient/kernel.h"

namespace octet::weight_gradient {
namespace {

void multiply(const Sweep& sweep) {
  const std::int64_t filters = sweep.vectors * 16;
  for (std::int64_t row = 0; row < sweep.count; ++row)
    for (std::int64_t tap = 0; tap < sweep.taps; ++tap) {
      std::int32_t* const sums = sweep.sums + (row * sweep.row_step + tap) * filters;
      if (sweep.fresh)
        for (std::int64_t k = 0; k < filters; ++k) sums[k] = 0;
      const std::int8_t* error = sweep.error;
      for (std::int64_t line = 0; line < sweep.lines; ++line) {
        const std::uint8_t* a = sweep.planes + sweep.offsets[row] + sweep.line_starts[line] + tap;
        for (std::int64_t group = 0; group < sweep.line_groups; ++group, a += 4)
          for (std::int64_t k = 0; k < filters; ++k, error += 4)
            sums[k] += a[0] * error[0] + a[1] * error[1] + a[2] * error[2] + a[3] * error[3];
      }
    }
}

}  // namespace

void plain_add_errors(const std::int8_t* error, std::int64_t groups, std::int64_t vectors,
                      std::int32_t* sums) {
  for (std::int64_t group = 0; group < groups; ++group)
    for (std::int64_t k = 0; k < vectors * 16; ++k, error += 4)
      sums[k] += error[0] + error[1] + error[2] + error[3];
}

const Kernel plain{"plain", 4,           5,        false,           [] { return true; },
                   nullptr, pack_errors, multiply, plain_add_errors};

}  // namespace octet::weight_gradient

// The kernels that multiply packed codes, one for each instruction set. All take the same layout
// (layout.h) and differ in how many filters and taps they hold in registers.
#pragma once

#include <cstdint>

namespace octet::weight_gradient {

/// Packed lines times one block of filters:
///   sums[row][filter] (+)= sum over positions of plane[offset(row) + position] * error[position]
/// Rows are numbered (channel * kernel_h + kh) * kernel_w + tap.
struct Sweep {
  const std::uint8_t* planes;
  const std::int64_t* offsets;  // of the first tap of each channel and kh
  std::int64_t count;           // channels * kernel_h
  std::int64_t taps;            // neighbours of each offset; sums has a row for each
  std::int64_t row_step;        // rows from one offset to the next: kernel_w
  std::int64_t kernel_h, channel_size;
  const std::int8_t* error;
  const std::int32_t* line_starts;
  std::int64_t lines, line_groups;
  std::int64_t vectors;  // of 16 filters; a row has so many
  std::int32_t* sums;    // of the first tap
  bool fresh;            // sums hold nothing yet
};

struct Kernel {
  const char* name;
  std::int64_t block;  // most vectors of 16 filters in a block
  std::int64_t taps;   // most neighbouring taps in a run: 5, 3, 2 and 1 are tried
  bool flat;           // wants packed lines of 64 positions, and 16 channels at a time
  bool (*available)();
  /// Transposes positions, `step` bytes apart, to planes `plane` bytes apart; channels and
  /// positions are multiples of 16. Null: the common way is used.
  void (*pack_codes)(const std::uint8_t* source, std::int64_t step, std::uint8_t flip,
                     std::int64_t positions, std::int64_t channels, std::uint8_t* target,
                     std::int64_t plane);
  /// Writes 16 * vectors filters from `filter` on of `groups` fours of positions, side by side.
  void (*pack_errors)(const std::int8_t* const* positions, std::int64_t groups, std::int64_t filter,
                      std::int64_t vectors, std::int8_t* packed);
  void (*multiply)(const Sweep& sweep);
  /// sums[filter] += the errors of `groups` fours of positions.
  void (*add_errors)(const std::int8_t* error, std::int64_t groups, std::int64_t vectors,
                     std::int32_t* sums);
  /// What is faster for less than four channels; null: nothing.
  const Kernel* for_few_channels = nullptr;
};

extern const Kernel amx, vnni512, vnni256, words512, words256, plain;

/// Kernel::pack_codes by AVX-512.
void pack_codes512(const std::uint8_t* source, std::int64_t step, std::uint8_t flip,
                   std::int64_t positions, std::int64_t channels, std::uint8_t* target,
                   std::int64_t plane);

/// Kernel::pack_errors by AVX-512, and by what every processor has.
void pack_errors512(const std::int8_t* const* positions, std::int64_t groups, std::int64_t filter,
                    std::int64_t vectors, std::int8_t* packed);
void pack_errors(const std::int8_t* const* positions, std::int64_t groups, std::int64_t filter,
                 std::int64_t vectors, std::int8_t* packed);

/// Kernel::add_errors in plain C++.
void plain_add_errors(const std::int8_t* error, std::int64_t groups, std::int64_t vectors,
                      std::int32_t* sums);

/// AMX's loops on tiles in plain memory, for tests on machines without.
extern const Kernel emulated_amx;

}  // namespace octet::weight_gradient

// Neighbouring output positions of one line, times one block of filters.
#pragma once

#include <cstdint>

namespace octet::direct_convolution {

struct Sweep {
  const std::uint8_t* codes;     // of the first position and kernel row
  std::int64_t line;             // bytes from one kernel row to the next
  std::int64_t step;             // bytes from one position to the next
  std::int64_t rows, groups;     // kernel rows, fours of bytes of each: all are read
  const std::int8_t* weights;    // rows x groups x vectors x 16 x 4
  const std::uint32_t* initial;  // vectors x 16: what the sums begin with
  std::int64_t filters;          // of the block; at most 16 * vectors
  std::int64_t sums_step;        // from one position's sums, or codes, to the next's
  std::int32_t* sums;
  // Where factors are given the sums become codes instead, clip(round(sum * factor) + zero_point):
  const double* factors;  // vectors x 16
  std::int32_t zero_point, least;
  std::uint8_t* to;
};

/// Most vectors of 16 filters in a block.
constexpr std::int64_t most_vectors = 4;

/// Positions that the registers hold beside so many vectors of filters.
constexpr std::int64_t most_positions(std::int64_t vectors) {
  return vectors == 1 ? 16 : vectors == 2 ? 12 : vectors == 3 ? 8 : 6;
}

/// 1 <= positions <= most_positions(vectors); on CPUs with AVX512-VNNI (framework/vnni512.h).
void multiply_vnni512(const Sweep& sweep, std::int64_t positions, std::int64_t vectors);

}  // namespace octet::direct_convolution

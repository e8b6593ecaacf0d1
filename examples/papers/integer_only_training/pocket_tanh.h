// PocketNN's tanh (Song, Lin 2022): straight pieces between integers, -127 .. 127.
//   |x|:        0 .. 31   32 .. 74   75 .. 127   128 ..
//   |y|:          2|x|    |x| + 32  |x|/4 + 88     127
//   1/slope:        1          2          8        127
// Divisions cut off towards zero. The backward pass divides by 1/slope where others multiply by the
// slope; that it is about twice what the pieces really have keeps the products in 32 bits.
#pragma once

#include <cstdint>

namespace octet::papers {

constexpr std::int32_t pocket_most = 127;

struct PocketValue {
  std::int32_t y, slope_inverse;
};

constexpr PocketValue pocket_tanh(std::int32_t x) {
  const std::int32_t magnitude = x < 0 ? -x : x;
  const auto signed_as_x = [x](std::int32_t y) { return x < 0 ? -y : y; };
  if (magnitude < 32) return {2 * x, 1};
  if (magnitude < 75) return {signed_as_x(magnitude + 32), 2};
  if (magnitude < 128) return {signed_as_x(magnitude / 4 + 88), 8};
  return {signed_as_x(pocket_most), pocket_most};
}

}  // namespace octet::papers

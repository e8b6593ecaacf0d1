// How NITI (Wang et al. 2020) brings 32-bit sums back to 8 bits: a shift of the magnitude, with
// what falls off rounded
//   to the nearest, halves up,                      for activations and errors;
//   up where the upper half of the bits that fall off is larger than the lower half, which serves
//   as a random number ("pseudo-stochastic"),       for gradients;
//   up where they are larger than a random number,  for the loss.
// Codes end at -127 and 127.
#pragma once

#include <algorithm>
#include <cstdint>

namespace octet::papers {

constexpr std::int32_t niti_most = 127;
constexpr int niti_bits = 7;  // of a code's magnitude

/// ceil(log2 largest): the bits that magnitudes up to `largest` take; 0 for 0 and 1.
constexpr int bits_of(std::int64_t largest) {
  int bits = 0;
  while ((std::int64_t{1} << bits) < largest) ++bits;
  return bits;
}

constexpr std::int8_t niti_clip(std::int64_t value) {
  return static_cast<std::int8_t>(std::clamp<std::int64_t>(value, -niti_most, niti_most));
}

/// value / 2^shift to the nearest, halves away from zero, as in the authors' program, whose
/// divisions truncated: sums of errors are small, halves are many, and halves that all went up
/// would push weights one way. shift is at least 1.
constexpr std::int32_t shift_to_nearest(std::int32_t value, int shift) {
  // What the shift rounds down of the halves below zero.
  const std::int32_t half = (std::int32_t{1} << (shift - 1)) - (value < 0 ? 1 : 0);
  return (value >> shift) + (((value & ((std::int32_t{1} << shift) - 1)) + half) >> shift);
}

constexpr std::int64_t with_sign_of(std::int64_t value, std::int64_t magnitude) {
  return value < 0 ? -magnitude : magnitude;
}

/// value / 2^shift; shift is at least 1. Where it is odd the lower half has a bit less, and is
/// doubled.
constexpr std::int64_t shift_pseudo_stochastic(std::int64_t value, int shift) {
  const std::int64_t magnitude = value < 0 ? -value : value;
  const int half = shift / 2;
  const std::int64_t off = magnitude & ((std::int64_t{1} << shift) - 1);
  const std::int64_t upper = off >> half;
  const std::int64_t lower = (off & ((std::int64_t{1} << half) - 1)) << (shift % 2);
  return with_sign_of(value, (magnitude >> shift) + (upper > lower ? 1 : 0));
}

/// value / 2^shift; the lowest `shift` bits of `random` decide.
constexpr std::int32_t shift_stochastic(std::int32_t value, int shift, std::uint32_t random) {
  const std::int32_t magnitude = value < 0 ? -value : value;
  const std::int32_t mask = (std::int32_t{1} << shift) - 1;
  const bool up = (magnitude & mask) > static_cast<std::int32_t>(random & std::uint32_t(mask));
  return static_cast<std::int32_t>(with_sign_of(value, (magnitude >> shift) + (up ? 1 : 0)));
}

}  // namespace octet::papers

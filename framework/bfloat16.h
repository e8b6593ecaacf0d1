// The real elements: float32, and bfloat16, which is the upper half of a float32. A kernel is
// written once over the element T (float or std::uint16_t): it loads float32, computes in float32
// and stores the nearest element, ties to even.
#pragma once

#include <bit>
#include <cstdint>

#include "framework/tensor.h"

namespace octet {

inline bool is_real(Element element) {
  return element == Element::float32 || element == Element::bfloat16;
}

[[gnu::always_inline]] inline float to_float(float x) { return x; }
[[gnu::always_inline]] inline float to_float(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

/// NaN stays NaN; what is beyond the largest bfloat16 becomes infinity.
template <class T>
[[gnu::always_inline]] inline T from_float(float x) {
  if constexpr (sizeof(T) == sizeof(float)) {
    return x;
  } else {
    const auto bits = std::bit_cast<std::uint32_t>(x);
    const std::uint32_t nearest = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    const std::uint32_t quiet = (bits >> 16) | 0x40u;
    return static_cast<T>((bits & 0x7fffffffu) > 0x7f800000u ? quiet : nearest);
  }
}

/// Calls body with a value of the type that holds the elements of a tensor of reals.
template <class Body>
void with_reals(Element element, const Body& body) {
  assert(is_real(element));
  if (element == Element::bfloat16) return body(std::uint16_t{});
  body(float{});
}

/// How a product of reals is stored.
struct Store {
  Element element = Element::float32;  ///< or bfloat16
  bool rectify = false;                ///< what is below zero becomes zero
};

/// The same numbers as another real element.
void convert(const Tensor& reals, Element element, Tensor& result);

}  // namespace octet

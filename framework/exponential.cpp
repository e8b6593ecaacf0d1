#include "framework/exponential.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace octet {

float exponential(float x) {
  if (std::isnan(x)) return x;
  if (x < -87.0f) return 0.0f;
  x = std::min(x, 88.0f);
  // x = n ln 2 + r, |r| <= ln 2 / 2, with ln 2 in two parts; e^r by its series.
  const float n = (x * 1.44269504f + 12582912.0f) - 12582912.0f;
  const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.0f / 5040;
  for (const float c : {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f})
    p = p * r + c;
  return p * std::bit_cast<float>((static_cast<std::int32_t>(n) + 127) << 23);
}

float hyperbolic_tangent(float x) {
  const float size = std::abs(x);
  float result = 0;
  if (size < 0.1f) {
    // The quotient below would cancel: x - x^3/3 + 2 x^5/15.
    const float square = x * x;
    result = size * (1.0f + square * (-1.0f / 3 + square * (2.0f / 15)));
  } else {
    const float e = exponential(-2.0f * size);
    result = (1.0f - e) / (1.0f + e);
  }
  return std::copysign(result, x);
}

}  // namespace octet

#include "framework/vnni512.h"

#include "framework/direct_convolution/kernel.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <array>
#include <cstring>
#include <utility>

namespace octet::direct_convolution {
namespace {

// sums += codes * weights. Written out, because GCC 12 copies the sums of its intrinsic from
// register to register, three moves to each product.
OCTET_VNNI512 inline void add_products(__m512i& sums, __m512i codes, __m512i weights) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(codes), "v"(weights));
}

template <int positions, int vectors>
OCTET_VNNI512 void multiply(const Sweep& sweep) {
  __m512i sums[positions][vectors];
#pragma GCC unroll 4
  for (int v = 0; v < vectors; ++v) {
    const __m512i initial = _mm512_loadu_si512(sweep.initial + v * 16);
#pragma GCC unroll 16
    for (int p = 0; p < positions; ++p) sums[p][v] = initial;
  }
  const std::int8_t* weights = sweep.weights;
  const std::int64_t step = sweep.step;
  // An address is a pointer plus once or twice the step: sixteen positions need six pointers.
  constexpr int pointers = (positions + 2) / 3;
  for (std::int64_t row = 0; row < sweep.rows; ++row) {
    const std::uint8_t* codes[pointers];
#pragma GCC unroll 8
    for (int i = 0; i < pointers; ++i) codes[i] = sweep.codes + row * sweep.line + i * 3 * step;
    for (std::int64_t group = 0; group < sweep.groups; ++group) {
      __m512i w[vectors];
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) w[v] = _mm512_loadu_si512(weights + v * 64);
      weights += vectors * 64;
#pragma GCC unroll 16
      for (int p = 0; p < positions; ++p) {
        std::int32_t four;
        std::memcpy(&four, codes[p / 3] + p % 3 * step, 4);
        const __m512i code = _mm512_set1_epi32(four);
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) add_products(sums[p][v], code, w[v]);
      }
#pragma GCC unroll 8
      for (int i = 0; i < pointers; ++i) codes[i] += 4;
    }
  }
  const auto last = static_cast<__mmask16>((1u << (sweep.filters - (vectors - 1) * 16)) - 1);
#pragma GCC unroll 16
  for (int p = 0; p < positions; ++p) {
    std::int32_t* const to = sweep.sums + p * sweep.sums_step;
#pragma GCC unroll 4
    for (int v = 0; v < vectors - 1; ++v) _mm512_storeu_si512(to + v * 16, sums[p][v]);
    _mm512_mask_storeu_epi32(to + (vectors - 1) * 16, last, sums[p][vectors - 1]);
  }
}

using Multiply = void (*)(const Sweep&);

template <int vectors, int... counts>
constexpr auto by_positions(std::integer_sequence<int, counts...>) {
  return std::array<Multiply, sizeof...(counts)>{multiply<counts + 1, vectors>...};
}

template <int vectors>
constexpr auto table =
    by_positions<vectors>(std::make_integer_sequence<int, most_positions(vectors)>());

}  // namespace

void multiply_vnni512(const Sweep& sweep, std::int64_t positions, std::int64_t vectors) {
  const auto at = static_cast<std::size_t>(positions - 1);
  switch (vectors) {
    case 1:
      return table<1>[at](sweep);
    case 2:
      return table<2>[at](sweep);
    case 3:
      return table<3>[at](sweep);
    default:
      return table<4>[at](sweep);
  }
}

}  // namespace octet::direct_convolution

#else

namespace octet::direct_convolution {
void multiply_vnni512(const Sweep&, std::int64_t, std::int64_t) {}
}  // namespace octet::direct_convolution

#endif

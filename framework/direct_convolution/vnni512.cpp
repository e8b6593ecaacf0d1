#include "framework/vnni512.h"

#include "framework/direct_convolution/kernel.h"

#if defined(__x86_64__)

// GCC 12 warns of its own intrinsics.
#pragma GCC diagnostic ignored "-Wuninitialized"
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

// sixteen sums -> codes of 8 bits; doubles hold the products without rounding.
OCTET_VNNI512 inline __m128i to_codes(__m512i sums, __m512d low_factors, __m512d high_factors,
                                      __m512i zero_point, __m512i least) {
  constexpr int nearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  const __m512d low = _mm512_mul_pd(_mm512_cvtepi32_pd(_mm512_castsi512_si256(sums)), low_factors);
  const __m512d high =
      _mm512_mul_pd(_mm512_cvtepi32_pd(_mm512_extracti64x4_epi64(sums, 1)), high_factors);
  const __m512i whole =
      _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvt_roundpd_epi32(low, nearest)),
                         _mm512_cvt_roundpd_epi32(high, nearest), 1);
  return _mm512_cvtusepi32_epi8(_mm512_max_epi32(_mm512_add_epi32(whole, zero_point), least));
}

template <int positions, int vectors, bool codes_wanted>
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
  if constexpr (codes_wanted) {
    const __m512i zero_point = _mm512_set1_epi32(sweep.zero_point);
    const __m512i least = _mm512_set1_epi32(sweep.least);
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      const __m512d low = _mm512_loadu_pd(sweep.factors + v * 16);
      const __m512d high = _mm512_loadu_pd(sweep.factors + v * 16 + 8);
#pragma GCC unroll 16
      for (int p = 0; p < positions; ++p) {
        const __m128i made = to_codes(sums[p][v], low, high, zero_point, least);
        std::uint8_t* const to = sweep.to + p * sweep.sums_step + v * 16;
        if (v < vectors - 1) {
          _mm_storeu_si128(reinterpret_cast<__m128i*>(to), made);
        } else {
          _mm_mask_storeu_epi8(to, last, made);
        }
      }
    }
    return;
  }
#pragma GCC unroll 16
  for (int p = 0; p < positions; ++p) {
    std::int32_t* const to = sweep.sums + p * sweep.sums_step;
#pragma GCC unroll 4
    for (int v = 0; v < vectors - 1; ++v) _mm512_storeu_si512(to + v * 16, sums[p][v]);
    _mm512_mask_storeu_epi32(to + (vectors - 1) * 16, last, sums[p][vectors - 1]);
  }
}

using Multiply = void (*)(const Sweep&);

template <int vectors, bool codes_wanted, int... counts>
constexpr auto by_positions(std::integer_sequence<int, counts...>) {
  return std::array<Multiply, sizeof...(counts)>{multiply<counts + 1, vectors, codes_wanted>...};
}

template <int vectors, bool codes_wanted>
constexpr auto table =
    by_positions<vectors, codes_wanted>(std::make_integer_sequence<int, most_positions(vectors)>());

template <bool codes_wanted>
void multiply_with(const Sweep& sweep, std::size_t at, std::int64_t vectors) {
  switch (vectors) {
    case 1:
      return table<1, codes_wanted>[at](sweep);
    case 2:
      return table<2, codes_wanted>[at](sweep);
    case 3:
      return table<3, codes_wanted>[at](sweep);
    default:
      return table<4, codes_wanted>[at](sweep);
  }
}

}  // namespace

void multiply_vnni512(const Sweep& sweep, std::int64_t positions, std::int64_t vectors) {
  const auto at = static_cast<std::size_t>(positions - 1);
  sweep.factors ? multiply_with<true>(sweep, at, vectors)
                : multiply_with<false>(sweep, at, vectors);
}

}  // namespace octet::direct_convolution

#else

namespace octet::direct_convolution {
void multiply_vnni512(const Sweep&, std::int64_t, std::int64_t) {}
}  // namespace octet::direct_convolution

#endif

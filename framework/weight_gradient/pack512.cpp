// Packs by AVX-512: 16 filters, or channels, of four positions by two shuffles.
#include "framework/weight_gradient/kernel.h"

#if defined(__x86_64__)

#include <immintrin.h>

namespace octet::weight_gradient {
namespace {

#define OCTET_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))

// 16 bytes of each of four positions, one in each quarter, to four bytes of each of 16 filters:
// first what belongs to the same four filters into the same quarter, then bytes within quarters.
alignas(64) const std::int32_t quarters[16] = {0, 4, 8,  12, 1, 5, 9,  13,
                                               2, 6, 10, 14, 3, 7, 11, 15};
alignas(16) const std::int8_t bytes[16] = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};

OCTET_TARGET inline __m512i interleave(__m512i four) {
  const __m512i within =
      _mm512_maskz_broadcast_i32x4(0xffff, _mm_load_si128(reinterpret_cast<const __m128i*>(bytes)));
  four = _mm512_maskz_permutexvar_epi32(0xffff, _mm512_load_si512(quarters), four);
  return _mm512_shuffle_epi8(four, within);
}

OCTET_TARGET inline __m128i load16(const std::int8_t* from) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}

OCTET_TARGET inline __m512i gather(const std::int8_t* a, const std::int8_t* b, const std::int8_t* c,
                                   const std::int8_t* d) {
  __m512i four = _mm512_zextsi128_si512(load16(a));
  four = _mm512_maskz_inserti32x4(0xffff, four, load16(b), 1);
  four = _mm512_maskz_inserti32x4(0xffff, four, load16(c), 2);
  return _mm512_maskz_inserti32x4(0xffff, four, load16(d), 3);
}

// Quarter q of the vector is channel 4 * q + `channel`.
OCTET_TARGET inline void store_channels(__m512i codes, int channel, std::uint8_t* target,
                                        std::int64_t plane) {
  const auto at = [&](int quarter) {
    return reinterpret_cast<__m128i*>(target + (4 * quarter + channel) * plane);
  };
  _mm_storeu_si128(at(0), _mm512_maskz_extracti32x4_epi32(0xf, codes, 0));
  _mm_storeu_si128(at(1), _mm512_maskz_extracti32x4_epi32(0xf, codes, 1));
  _mm_storeu_si128(at(2), _mm512_maskz_extracti32x4_epi32(0xf, codes, 2));
  _mm_storeu_si128(at(3), _mm512_maskz_extracti32x4_epi32(0xf, codes, 3));
}

// 16 positions of 16 channels.
OCTET_TARGET inline void pack_tile(const std::int8_t* source, std::int64_t step, __m512i flips,
                                   std::uint8_t* target, std::int64_t plane) {
  __m512i four[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i, source += 4 * step)
    four[i] = interleave(_mm512_xor_si512(
        flips, gather(source, source + step, source + 2 * step, source + 3 * step)));
  const __m512i a = _mm512_maskz_unpacklo_epi32(0xffff, four[0], four[1]),
                b = _mm512_maskz_unpacklo_epi32(0xffff, four[2], four[3]),
                c = _mm512_maskz_unpackhi_epi32(0xffff, four[0], four[1]),
                d = _mm512_maskz_unpackhi_epi32(0xffff, four[2], four[3]);
  store_channels(_mm512_maskz_unpacklo_epi64(0xff, a, b), 0, target, plane);
  store_channels(_mm512_maskz_unpackhi_epi64(0xff, a, b), 1, target, plane);
  store_channels(_mm512_maskz_unpacklo_epi64(0xff, c, d), 2, target, plane);
  store_channels(_mm512_maskz_unpackhi_epi64(0xff, c, d), 3, target, plane);
}

template <int vectors>
OCTET_TARGET void pack(const std::int8_t* const* lines, std::int64_t groups, std::int64_t filter,
                       std::int8_t* packed) {
  for (; groups > 0; --groups, lines += 4, packed += 64 * vectors)
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      const std::int64_t k = filter + 16 * v;
      const __m512i four = gather(lines[0] + k, lines[1] + k, lines[2] + k, lines[3] + k);
      _mm512_storeu_si512(packed + 64 * v, interleave(four));
    }
}

}  // namespace

OCTET_TARGET void pack_errors512(const std::int8_t* const* lines, std::int64_t groups,
                                 std::int64_t filter, std::int64_t vectors, std::int8_t* packed) {
  switch (vectors) {
    case 1:
      return pack<1>(lines, groups, filter, packed);
    case 2:
      return pack<2>(lines, groups, filter, packed);
    case 3:
      return pack<3>(lines, groups, filter, packed);
    default:
      return pack<4>(lines, groups, filter, packed);
  }
}

OCTET_TARGET void pack_codes512(const std::uint8_t* source, std::int64_t step, std::uint8_t flip,
                                std::int64_t positions, std::int64_t channels, std::uint8_t* target,
                                std::int64_t plane) {
  const __m512i flips = _mm512_set1_epi8(static_cast<char>(flip));
  for (std::int64_t i = 0; i < positions; i += 16)
    for (std::int64_t c = 0; c < channels; c += 16)
      pack_tile(reinterpret_cast<const std::int8_t*>(source) + i * step + c, step, flips,
                target + c * plane + i, plane);
}

}  // namespace octet::weight_gradient

#else

namespace octet::weight_gradient {
void pack_errors512(const std::int8_t* const*, std::int64_t, std::int64_t, std::int64_t,
                    std::int8_t*) {}
void pack_codes512(const std::uint8_t*, std::int64_t, std::uint8_t, std::int64_t, std::int64_t,
                   std::uint8_t*, std::int64_t) {}
}  // namespace octet::weight_gradient

#endif

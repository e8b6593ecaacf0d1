// Packs errors by AVX-512: 16 filters of four positions by two shuffles.
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

template <int vectors>
OCTET_TARGET void pack(const std::int8_t* const* lines, std::int64_t groups, std::int64_t filter,
                       std::int8_t* packed) {
  for (; groups > 0; --groups, lines += 4, packed += 64 * vectors)
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      const std::int64_t k = filter + 16 * v;
      __m512i four = _mm512_zextsi128_si512(load16(lines[0] + k));
      four = _mm512_maskz_inserti32x4(0xffff, four, load16(lines[1] + k), 1);
      four = _mm512_maskz_inserti32x4(0xffff, four, load16(lines[2] + k), 2);
      four = _mm512_maskz_inserti32x4(0xffff, four, load16(lines[3] + k), 3);
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

}  // namespace octet::weight_gradient

#else

namespace octet::weight_gradient {
void pack_errors512(const std::int8_t* const*, std::int64_t, std::int64_t, std::int64_t,
                    std::int8_t*) {}
}  // namespace octet::weight_gradient

#endif

// requantize with AVX-512 (F, BW, VL, DQ).
#include "framework/dnn.h"
#include "quant/numbers/requantize_table.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,prefer-vector-width=512")
#include "quant/numbers/requantize_kernel.h"

namespace octet::requantizers {
namespace {

struct Lanes {
  using Floats = __m512;
  using Ints = __m512i;
  OCTET_INLINE static __m128i bytes(const void* from) {
    return _mm_loadu_si128(static_cast<const __m128i*>(from));
  }
  OCTET_INLINE static Floats load(const float* from) { return _mm512_loadu_ps(from); }
  OCTET_INLINE static Floats load(const std::int32_t* from) {
    return _mm512_cvtepi32_ps(_mm512_loadu_si512(from));
  }
  OCTET_INLINE static Floats load(const std::int8_t* from) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes(from)));
  }
  OCTET_INLINE static Floats load(const std::uint8_t* from) {
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes(from)));
  }
  OCTET_INLINE static Floats zero() { return _mm512_setzero_ps(); }
  OCTET_INLINE static Ints no_count() { return _mm512_setzero_si512(); }
  OCTET_INLINE static Floats broadcast(float x) { return _mm512_set1_ps(x); }
  OCTET_INLINE static Floats multiply(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
  OCTET_INLINE static Floats add(Floats a, Floats b) { return _mm512_add_ps(a, b); }
  OCTET_INLINE static Floats larger(Floats a, Floats b) { return _mm512_max_ps(a, b); }
  OCTET_INLINE static Floats smaller(Floats a, Floats b) { return _mm512_min_ps(a, b); }
  OCTET_INLINE static Floats magnitude(Floats a) { return _mm512_abs_ps(a); }
  OCTET_INLINE static Floats keep_where_set(Floats a, const std::uint8_t* mask) {
    const __m128i m = bytes(mask);
    return _mm512_maskz_mov_ps(_mm_test_epi8_mask(m, m), a);
  }
  OCTET_INLINE static Floats drop_where(Floats a, const std::uint8_t* mask, std::uint8_t code) {
    const __m128i codes = _mm_set1_epi8(static_cast<char>(code));
    return _mm512_maskz_mov_ps(_mm_cmpneq_epi8_mask(bytes(mask), codes), a);
  }
  OCTET_INLINE static Ints round(Floats a) { return _mm512_cvtps_epi32(a); }
  OCTET_INLINE static void store(Ints a, void* to) {
    _mm_storeu_si128(static_cast<__m128i*>(to), _mm512_cvtepi32_epi8(a));
  }
  OCTET_INLINE static Ints set(std::uint64_t word) {
    return _mm512_set1_epi32(static_cast<int>(static_cast<std::uint32_t>(word)));
  }
  OCTET_INLINE static Ints random(std::uint64_t key, std::uint32_t first) {
    const __m512i ramp = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m512i x = _mm512_add_epi32(ramp, set(first + key));
    x = _mm512_mullo_epi32(_mm512_xor_si512(x, _mm512_srli_epi32(x, 16)), set(0x7feb352du));
    x = _mm512_xor_si512(_mm512_xor_si512(x, _mm512_srli_epi32(x, 15)), set(key >> 32));
    x = _mm512_mullo_epi32(x, set(0x846ca68bu));
    return _mm512_xor_si512(x, _mm512_srli_epi32(x, 16));
  }
  OCTET_INLINE static Ints low_half(Ints a) {
    return _mm512_srai_epi32(_mm512_slli_epi32(a, 16), 16);
  }
  OCTET_INLINE static Ints high_half(Ints a) { return _mm512_srai_epi32(a, 16); }
  OCTET_INLINE static Floats noise(Ints a) {
    return _mm512_add_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(a), _mm512_set1_ps(0x1p-16f)),
                         _mm512_set1_ps(0x1p-17f));
  }
  OCTET_INLINE static Ints count_above(Ints counts, Floats size, float limit) {
    const __mmask16 above = _mm512_cmp_ps_mask(size, _mm512_set1_ps(limit), _CMP_GT_OQ);
    return _mm512_mask_add_epi32(counts, above, counts, _mm512_set1_epi32(1));
  }
  OCTET_INLINE static Ints count_lost(Ints counts, Floats size, Ints codes, int zero) {
    const __mmask16 lost = _mm512_mask_cmpeq_epi32_mask(
        _mm512_cmp_ps_mask(size, _mm512_setzero_ps(), _CMP_GT_OQ), codes, _mm512_set1_epi32(zero));
    return _mm512_mask_add_epi32(counts, lost, counts, _mm512_set1_epi32(1));
  }
  OCTET_INLINE static float largest(Floats a) { return _mm512_reduce_max_ps(a); }
  OCTET_INLINE static std::int64_t sum(Ints a) { return _mm512_reduce_add_epi32(a); }
};

template <class X, class Code>
void entry(const X* x, std::int64_t count, const Requantization& how, Code* codes, Tally& tally) {
  choose<Lanes>(x, count, how, codes, tally);
}

const Table functions = {entry, entry, entry, entry, entry, entry};

}  // namespace
}  // namespace octet::requantizers

#pragma GCC pop_options

namespace octet::requantizers {

const Table* avx512() { return dnn::isa() >= dnn::Isa::avx512 ? &functions : nullptr; }

}  // namespace octet::requantizers

#else
namespace octet::requantizers {
const Table* avx512() { return nullptr; }
}  // namespace octet::requantizers
#endif

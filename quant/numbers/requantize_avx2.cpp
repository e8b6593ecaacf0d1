// requantize with AVX2.
#include "framework/dnn.h"
#include "quant/numbers/requantize_table.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma GCC push_options
#pragma GCC target("avx2")
#include "quant/numbers/requantize_kernel.h"

namespace octet::requantizers {
namespace {

struct Lanes {
  struct Floats {
    __m256 low, high;
  };
  struct Ints {
    __m256i low, high;
  };
  OCTET_INLINE static __m128i bytes(const void* from) {
    return _mm_loadl_epi64(static_cast<const __m128i*>(from));
  }
  OCTET_INLINE static Floats load(const float* from) {
    return {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)};
  }
  OCTET_INLINE static Floats load(const std::int32_t* from) {
    const auto half = reinterpret_cast<const __m256i*>(from);
    return {_mm256_cvtepi32_ps(_mm256_loadu_si256(half)),
            _mm256_cvtepi32_ps(_mm256_loadu_si256(half + 1))};
  }
  OCTET_INLINE static Floats load(const std::int8_t* from) {
    return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes(from))),
            _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes(from + 8)))};
  }
  OCTET_INLINE static Floats load(const std::uint8_t* from) {
    return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes(from))),
            _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes(from + 8)))};
  }
  OCTET_INLINE static Floats zero() { return broadcast(0.0f); }
  OCTET_INLINE static Ints no_count() { return set(0); }
  OCTET_INLINE static Floats broadcast(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  OCTET_INLINE static Ints set(std::uint64_t word) {
    const int x = static_cast<int>(static_cast<std::uint32_t>(word));
    return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)};
  }
  OCTET_INLINE static Floats multiply(Floats a, Floats b) {
    return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
  }
  OCTET_INLINE static Floats add(Floats a, Floats b) {
    return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
  }
  OCTET_INLINE static Floats larger(Floats a, Floats b) {
    return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
  }
  OCTET_INLINE static Floats smaller(Floats a, Floats b) {
    return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)};
  }
  OCTET_INLINE static Floats magnitude(Floats a) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return {_mm256_andnot_ps(sign, a.low), _mm256_andnot_ps(sign, a.high)};
  }
  OCTET_INLINE static __m256 keep(__m256 a, const std::uint8_t* mask) {
    const __m256i m = _mm256_cvtepu8_epi32(bytes(mask));
    return _mm256_andnot_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(m, _mm256_setzero_si256())), a);
  }
  OCTET_INLINE static Floats keep_where_set(Floats a, const std::uint8_t* mask) {
    return {keep(a.low, mask), keep(a.high, mask + 8)};
  }
  OCTET_INLINE static __m256 drop(__m256 a, const std::uint8_t* mask, std::uint8_t code) {
    const __m256i m = _mm256_cvtepu8_epi32(bytes(mask));
    return _mm256_andnot_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(m, _mm256_set1_epi32(code))), a);
  }
  OCTET_INLINE static Floats drop_where(Floats a, const std::uint8_t* mask, std::uint8_t code) {
    return {drop(a.low, mask, code), drop(a.high, mask + 8, code)};
  }
  OCTET_INLINE static Ints round(Floats a) {
    return {_mm256_cvtps_epi32(a.low), _mm256_cvtps_epi32(a.high)};
  }
  // The low byte of each lane: codes are in range, so nothing saturates.
  OCTET_INLINE static void store(Ints a, void* to) {
    const __m256i low_bytes =
        _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 4, 8, 12,
                         -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 1, 1, 1, 1, 1);
    const __m256i low = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(a.low, low_bytes), order);
    const __m256i high = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(a.high, low_bytes), order);
    _mm_storeu_si128(static_cast<__m128i*>(to),
                     _mm_unpacklo_epi64(_mm256_castsi256_si128(low), _mm256_castsi256_si128(high)));
  }
  OCTET_INLINE static __m256i hash(std::uint64_t key, __m256i x) {
    const auto factor = [](std::uint32_t word) { return static_cast<int>(word); };
    x = _mm256_mullo_epi32(_mm256_xor_si256(x, _mm256_srli_epi32(x, 16)),
                           _mm256_set1_epi32(factor(0x7feb352du)));
    x = _mm256_xor_si256(_mm256_xor_si256(x, _mm256_srli_epi32(x, 15)),
                         _mm256_set1_epi32(factor(static_cast<std::uint32_t>(key >> 32))));
    x = _mm256_mullo_epi32(x, _mm256_set1_epi32(factor(0x846ca68bu)));
    return _mm256_xor_si256(x, _mm256_srli_epi32(x, 16));
  }
  OCTET_INLINE static Ints random(std::uint64_t key, std::uint32_t first) {
    const Ints base = set(first + key);
    return {hash(key, _mm256_add_epi32(base.low, _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))),
            hash(key, _mm256_add_epi32(base.low, _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15)))};
  }
  OCTET_INLINE static Ints low_half(Ints a) {
    return {_mm256_srai_epi32(_mm256_slli_epi32(a.low, 16), 16),
            _mm256_srai_epi32(_mm256_slli_epi32(a.high, 16), 16)};
  }
  OCTET_INLINE static Ints high_half(Ints a) {
    return {_mm256_srai_epi32(a.low, 16), _mm256_srai_epi32(a.high, 16)};
  }
  OCTET_INLINE static Floats noise(Ints a) {
    return add(
        multiply({_mm256_cvtepi32_ps(a.low), _mm256_cvtepi32_ps(a.high)}, broadcast(0x1p-16f)),
        broadcast(0x1p-17f));
  }
  // A comparison gives -1 where it holds.
  OCTET_INLINE static Ints count_above(Ints counts, Floats size, float limit) {
    const __m256 most = _mm256_set1_ps(limit);
    return {_mm256_sub_epi32(counts.low,
                             _mm256_castps_si256(_mm256_cmp_ps(size.low, most, _CMP_GT_OQ))),
            _mm256_sub_epi32(counts.high,
                             _mm256_castps_si256(_mm256_cmp_ps(size.high, most, _CMP_GT_OQ)))};
  }
  OCTET_INLINE static __m256i lost(__m256 size, __m256i codes, int zero) {
    return _mm256_and_si256(
        _mm256_castps_si256(_mm256_cmp_ps(size, _mm256_setzero_ps(), _CMP_GT_OQ)),
        _mm256_cmpeq_epi32(codes, _mm256_set1_epi32(zero)));
  }
  OCTET_INLINE static Ints count_lost(Ints counts, Floats size, Ints codes, int zero) {
    return {_mm256_sub_epi32(counts.low, lost(size.low, codes.low, zero)),
            _mm256_sub_epi32(counts.high, lost(size.high, codes.high, zero))};
  }
  OCTET_INLINE static float largest(Floats a) {
    float lane[8], most = 0;
    _mm256_storeu_ps(lane, _mm256_max_ps(a.low, a.high));
    for (const float x : lane) most = x > most ? x : most;
    return most;
  }
  OCTET_INLINE static std::int64_t sum(Ints a) {
    std::int32_t lane[8];
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(lane), _mm256_add_epi32(a.low, a.high));
    std::int64_t total = 0;
    for (const std::int32_t x : lane) total += x;
    return total;
  }
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

const Table* avx2() { return dnn::isa() >= dnn::Isa::avx2 ? &functions : nullptr; }

}  // namespace octet::requantizers

#else
namespace octet::requantizers {
const Table* avx2() { return nullptr; }
}  // namespace octet::requantizers
#endif

// AVX2 without VNNI: bytes are widened to words in registers, and one instruction makes the
// products of two positions. A product of bytes never passes 255 * 128, so that sums of two fit.
#include "framework/weight_gradient/kernel.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>

#define OCTET_TARGET __attribute__((target("avx2")))
#include "framework/weight_gradient/tile.h"

namespace octet::weight_gradient {
namespace {

// Positions 0 and 2, and 1 and 3, of four.
struct Words {
  __m256i even, odd;
};

struct Ops {
  using Sums = __m256i;
  using Codes = Words;
  using Errors = Words;
  static constexpr int lanes = 8, accumulators = 8, most_rows = 4;

  OCTET_TARGET static Sums zero() { return _mm256_setzero_si256(); }
  OCTET_TARGET static Sums load(const std::int32_t* from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  }
  OCTET_TARGET static void store(std::int32_t* to, Sums sums) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), sums);
  }
  OCTET_TARGET static Codes codes(const std::uint8_t* from) {
    std::int32_t four;
    std::memcpy(&four, from, 4);
    const __m256i bytes = _mm256_set1_epi32(four);
    return {_mm256_and_si256(bytes, _mm256_set1_epi16(0xff)), _mm256_srli_epi16(bytes, 8)};
  }
  OCTET_TARGET static Errors errors(const std::int8_t* from) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    return {_mm256_srai_epi16(_mm256_slli_epi16(bytes, 8), 8), _mm256_srai_epi16(bytes, 8)};
  }
  OCTET_TARGET static Sums dot(Sums sums, Codes codes, Errors errors) {
    sums = _mm256_add_epi32(sums, _mm256_madd_epi16(codes.even, errors.even));
    return _mm256_add_epi32(sums, _mm256_madd_epi16(codes.odd, errors.odd));
  }
  OCTET_TARGET static Sums add(Sums a, Sums b) { return _mm256_add_epi32(a, b); }
};

bool available() { return __builtin_cpu_supports("avx2"); }

}  // namespace

const Kernel words256{"AVX2",
                      1,
                      3,
                      false,
                      available,
                      nullptr,
                      pack_errors,
                      multiply_vectors<Ops, 2>,
                      add_error_vectors<Ops>};

}  // namespace octet::weight_gradient

#else

namespace octet::weight_gradient {
const Kernel words256{"AVX2",  1,       3,       false,  [] { return false; },
                      nullptr, nullptr, nullptr, nullptr};
}  // namespace octet::weight_gradient

#endif

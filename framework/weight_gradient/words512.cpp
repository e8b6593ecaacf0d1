// AVX-512 without VNNI: bytes are widened to words in registers, and one instruction makes the
// products of two positions. A product of bytes never passes 255 * 128, so that sums of two fit.
#include "framework/weight_gradient/kernel.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>

#define OCTET_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))
#include "framework/weight_gradient/tile.h"

namespace octet::weight_gradient {
namespace {

// Positions 0 and 2, and 1 and 3, of four.
struct Words {
  __m512i even, odd;
};

struct Ops {
  using Sums = __m512i;
  using Codes = Words;
  using Errors = Words;
  static constexpr int lanes = 16, accumulators = 20, most_rows = 10;

  OCTET_TARGET static Sums zero() { return _mm512_setzero_si512(); }
  OCTET_TARGET static Sums load(const std::int32_t* from) { return _mm512_loadu_si512(from); }
  OCTET_TARGET static void store(std::int32_t* to, Sums sums) { _mm512_storeu_si512(to, sums); }
  OCTET_TARGET static Codes codes(const std::uint8_t* from) {
    std::int32_t four;
    std::memcpy(&four, from, 4);
    const __m512i bytes = _mm512_set1_epi32(four);
    return {_mm512_and_si512(bytes, _mm512_set1_epi16(0xff)), _mm512_srli_epi16(bytes, 8)};
  }
  OCTET_TARGET static Errors errors(const std::int8_t* from) {
    const __m512i bytes = _mm512_loadu_si512(from);
    return {_mm512_srai_epi16(_mm512_slli_epi16(bytes, 8), 8), _mm512_srai_epi16(bytes, 8)};
  }
  OCTET_TARGET static Sums dot(Sums sums, Codes codes, Errors errors) {
    sums = _mm512_add_epi32(sums, _mm512_madd_epi16(codes.even, errors.even));
    return _mm512_add_epi32(sums, _mm512_madd_epi16(codes.odd, errors.odd));
  }
  OCTET_TARGET static Sums add(Sums a, Sums b) { return _mm512_add_epi32(a, b); }
};

OCTET_TARGET void multiply(const Sweep& sweep) {
  if (sweep.vectors == 1) return multiply_vectors<Ops, 1>(sweep);
  multiply_vectors<Ops, 2>(sweep);
}

bool available() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

}  // namespace

const Kernel words512{"AVX512",       2,         5,
                      false,          available, pack_codes512,
                      pack_errors512, multiply,  add_error_vectors<Ops>};

}  // namespace octet::weight_gradient

#else

namespace octet::weight_gradient {
const Kernel words512{"AVX512", 2,       5,       false,  [] { return false; },
                      nullptr,  nullptr, nullptr, nullptr};
}  // namespace octet::weight_gradient

#endif

// AVX-512 with VNNI: one instruction adds four products of bytes to each of 16 sums.
#include "framework/vnni512.h"

#include "framework/weight_gradient/kernel.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>

#define OCTET_TARGET OCTET_VNNI512
#include "framework/weight_gradient/tile.h"

namespace octet::weight_gradient {
namespace {

struct Ops {
  using Sums = __m512i;
  using Codes = __m512i;
  using Errors = __m512i;
  static constexpr int lanes = 16, accumulators = 25, most_rows = 12;

  OCTET_TARGET static Sums zero() { return _mm512_setzero_si512(); }
  OCTET_TARGET static Sums load(const std::int32_t* from) { return _mm512_loadu_si512(from); }
  OCTET_TARGET static void store(std::int32_t* to, Sums sums) { _mm512_storeu_si512(to, sums); }
  OCTET_TARGET static Codes codes(const std::uint8_t* from) {
    std::int32_t four;
    std::memcpy(&four, from, 4);
    return _mm512_set1_epi32(four);
  }
  OCTET_TARGET static Errors errors(const std::int8_t* from) { return _mm512_loadu_si512(from); }
  OCTET_TARGET static Sums dot(Sums sums, Codes codes, Errors errors) {
    return _mm512_dpbusd_epi32(sums, codes, errors);
  }
  OCTET_TARGET static Sums add(Sums a, Sums b) { return _mm512_add_epi32(a, b); }
};

OCTET_TARGET void multiply(const Sweep& sweep) {
  switch (sweep.vectors) {
    case 1:
      return multiply_vectors<Ops, 1>(sweep);
    case 2:
      return multiply_vectors<Ops, 2>(sweep);
    case 3:
      return multiply_vectors<Ops, 3>(sweep);
    default:
      return multiply_vectors<Ops, 4>(sweep);
  }
}

}  // namespace

const Kernel vnni512{"AVX512-VNNI",  4,           5,
                     false,          has_vnni512, pack_codes512,
                     pack_errors512, multiply,    add_error_vectors<Ops>};

}  // namespace octet::weight_gradient

#else

namespace octet::weight_gradient {
const Kernel vnni512{"AVX512-VNNI", 4,       5,       false,  [] { return false; },
                     nullptr,       nullptr, nullptr, nullptr};
}  // namespace octet::weight_gradient

#endif

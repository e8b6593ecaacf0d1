// AVX2 with VNNI: one instruction adds four products of bytes to each of 8 sums.
#include "framework/weight_gradient/kernel.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

#include <cstring>

#define OCTET_TARGET __attribute__((target("avx2,avxvnni")))
#include "framework/weight_gradient/tile.h"

namespace octet::weight_gradient {
namespace {

struct Ops {
  using Sums = __m256i;
  using Codes = __m256i;
  using Errors = __m256i;
  static constexpr int lanes = 8, accumulators = 12, most_rows = 6;

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
    return _mm256_set1_epi32(four);
  }
  OCTET_TARGET static Errors errors(const std::int8_t* from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  }
  OCTET_TARGET static Sums dot(Sums sums, Codes codes, Errors errors) {
    return _mm256_dpbusd_avx_epi32(sums, codes, errors);
  }
  OCTET_TARGET static Sums add(Sums a, Sums b) { return _mm256_add_epi32(a, b); }
};

// By hand: not every compiler has a name for AVX-VNNI.
bool available() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __builtin_cpu_supports("avx2") && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}

}  // namespace

const Kernel vnni256{
    "AVX2-VNNI",           1, 5, false, available, nullptr, pack_errors, multiply_vectors<Ops, 2>,
    add_error_vectors<Ops>};

}  // namespace octet::weight_gradient

#else

namespace octet::weight_gradient {
const Kernel vnni256{"AVX2-VNNI", 1,       5,       false,  [] { return false; },
                     nullptr,     nullptr, nullptr, nullptr};
}  // namespace octet::weight_gradient

#endif

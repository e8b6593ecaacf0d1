// Transposes bytes: 4, 8 or 16 positions, each of 16 channels, or of 4 where there are few.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

namespace octet::weight_gradient {

#if defined(__x86_64__)

/// Four positions: element i has channels 4 i .. 4 i + 3, four bytes each.
template <int channels>
inline void transpose4(const std::uint8_t* source, std::int64_t step, __m128i* quads) {
  __m128i line[4];
  for (int i = 0; i < 4; ++i) {
    if constexpr (channels == 16) {
      line[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(source + i * step));
    } else {
      std::int32_t codes;
      std::memcpy(&codes, source + i * step, 4);
      line[i] = _mm_cvtsi32_si128(codes);
    }
  }
  const __m128i a = _mm_unpacklo_epi8(line[0], line[1]), b = _mm_unpacklo_epi8(line[2], line[3]);
  quads[0] = _mm_unpacklo_epi16(a, b);
  if constexpr (channels == 16) {
    const __m128i c = _mm_unpackhi_epi8(line[0], line[1]), d = _mm_unpackhi_epi8(line[2], line[3]);
    quads[1] = _mm_unpackhi_epi16(a, b);
    quads[2] = _mm_unpacklo_epi16(c, d);
    quads[3] = _mm_unpackhi_epi16(c, d);
  }
}

/// Position i of channel c goes to target[c * plane + i], for `kept` channels of those read.
template <int positions, int channels>
inline void transpose(const std::uint8_t* source, std::int64_t step, std::uint8_t flip,
                      std::int64_t kept, std::uint8_t* target, std::int64_t plane) {
  constexpr int fours = positions / 4, quads = channels / 4;
  __m128i q[fours][quads];
  const __m128i flips = _mm_set1_epi8(static_cast<char>(flip));
  for (int i = 0; i < fours; ++i) transpose4<channels>(source + i * 4 * step, step, q[i]);
  const auto store = [&](int channel, __m128i codes) {
    std::uint8_t* const to = target + channel * plane;
    if (channel >= kept) return;
    if constexpr (positions == 16)
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to), codes);
    else if constexpr (positions == 8)
      _mm_storel_epi64(reinterpret_cast<__m128i*>(to), codes);
    else
      std::memcpy(to, &codes, 4);
  };
  for (int j = 0; j < quads; ++j) {
    for (int i = 0; i < fours; ++i) q[i][j] = _mm_xor_si128(q[i][j], flips);
    if constexpr (positions == 4) {
      store(4 * j, q[0][j]);
      store(4 * j + 1, _mm_srli_si128(q[0][j], 4));
      store(4 * j + 2, _mm_srli_si128(q[0][j], 8));
      store(4 * j + 3, _mm_srli_si128(q[0][j], 12));
    } else if constexpr (positions == 8) {
      const __m128i low = _mm_unpacklo_epi32(q[0][j], q[1][j]),
                    high = _mm_unpackhi_epi32(q[0][j], q[1][j]);
      store(4 * j, low);
      store(4 * j + 1, _mm_srli_si128(low, 8));
      store(4 * j + 2, high);
      store(4 * j + 3, _mm_srli_si128(high, 8));
    } else {
      const __m128i a = _mm_unpacklo_epi32(q[0][j], q[1][j]),
                    b = _mm_unpacklo_epi32(q[2][j], q[3][j]),
                    c = _mm_unpackhi_epi32(q[0][j], q[1][j]),
                    d = _mm_unpackhi_epi32(q[2][j], q[3][j]);
      store(4 * j, _mm_unpacklo_epi64(a, b));
      store(4 * j + 1, _mm_unpackhi_epi64(a, b));
      store(4 * j + 2, _mm_unpacklo_epi64(c, d));
      store(4 * j + 3, _mm_unpackhi_epi64(c, d));
    }
  }
}

/// 16 filters of four positions, side by side.
inline void interleave(const std::int8_t* const lines[4], std::int8_t* target) {
  __m128i line[4];
  for (int i = 0; i < 4; ++i) line[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(lines[i]));
  const __m128i a = _mm_unpacklo_epi8(line[0], line[1]), b = _mm_unpacklo_epi8(line[2], line[3]),
                c = _mm_unpackhi_epi8(line[0], line[1]), d = _mm_unpackhi_epi8(line[2], line[3]);
  __m128i* const to = reinterpret_cast<__m128i*>(target);
  _mm_storeu_si128(to, _mm_unpacklo_epi16(a, b));
  _mm_storeu_si128(to + 1, _mm_unpackhi_epi16(a, b));
  _mm_storeu_si128(to + 2, _mm_unpacklo_epi16(c, d));
  _mm_storeu_si128(to + 3, _mm_unpackhi_epi16(c, d));
}

#else

template <int positions, int channels>
inline void transpose(const std::uint8_t* source, std::int64_t step, std::uint8_t flip,
                      std::int64_t kept, std::uint8_t* target, std::int64_t plane) {
  for (int c = 0; c < channels && c < kept; ++c)
    for (int i = 0; i < positions; ++i)
      target[c * plane + i] = static_cast<std::uint8_t>(source[i * step + c] ^ flip);
}

inline void interleave(const std::int8_t* const lines[4], std::int8_t* target) {
  for (int k = 0; k < 16; ++k)
    for (int i = 0; i < 4; ++i) target[4 * k + i] = lines[i][k];
}

#endif

}  // namespace octet::weight_gradient

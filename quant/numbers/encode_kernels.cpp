#include "quant/numbers/encode_kernels.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "framework/parallel.h"
#include "framework/random.h"

namespace octet::kernels {
namespace {

// Adding and taking away 1.5 * 2^23 rounds |x| < 2^22 to an integer, ties to even, without SSE4.1.
inline float round_nearest(float x) { return (x + 12582912.0f) - 12582912.0f; }

// Up when the part above the code below exceeds a random number in (0, 1): a whole x never moves.
inline float round_stochastic(float x, std::uint32_t random) {
  const float nearest = round_nearest(x);
  const float below = nearest > x ? nearest - 1.0f : nearest;
  const float u = (static_cast<float>(random >> 9) + 0.5f) * 0x1p-23f;
  return x - below > u ? below + 1.0f : below;
}

inline float clip(float x, float least, float most) {
  x = x < least ? least : x;
  return x > most ? most : x;
}

template <class Code>
[[gnu::always_inline]] inline void encode_plain(const float* x, std::int64_t first,
                                                std::int64_t count, const Encoding& how,
                                                Code* codes) {
  const float scale = how.scale, zero = how.zero_point, least = how.least, most = how.most;
  if (how.stochastic) {
    const std::uint64_t key = how.key;
    const auto base = static_cast<std::uint32_t>(first);
    const auto size = static_cast<std::uint32_t>(count);
    for (std::uint32_t i = 0; i < size; ++i) {
      const float value = clip(x[i] / scale + zero, least, most);
      codes[i] = static_cast<Code>(
          static_cast<std::int32_t>(round_stochastic(value, random_bits(key, base + i))));
    }
  } else {
    for (std::int64_t i = 0; i < count; ++i) {
      const float value = clip(x[i] / scale + zero, least, most);
      codes[i] = static_cast<Code>(static_cast<std::int32_t>(round_nearest(value)));
    }
  }
}

template <class Code>
[[gnu::always_inline]] inline void encode_columns(const float* x, std::int64_t first,
                                                  std::int64_t count, const Encoding& how,
                                                  Code* codes) {
  const float scale = how.scale, zero = how.zero_point, least = how.least, most = how.most;
  const float* factors = how.factors;
  const std::uint64_t key = how.key;
  for (std::int64_t row = 0; row < count; row += how.columns) {
    const auto base = static_cast<std::uint32_t>(first + row);
    const auto columns = static_cast<std::uint32_t>(std::min(how.columns, count - row));
    const float* values = x + row;
    Code* out = codes + row;
    if (how.stochastic) {
      for (std::uint32_t i = 0; i < columns; ++i) {
        const float value = clip(values[i] * factors[i] / scale + zero, least, most);
        out[i] = static_cast<Code>(
            static_cast<std::int32_t>(round_stochastic(value, random_bits(key, base + i))));
      }
    } else {
      for (std::uint32_t i = 0; i < columns; ++i) {
        const float value = clip(values[i] * factors[i] / scale + zero, least, most);
        out[i] = static_cast<Code>(static_cast<std::int32_t>(round_nearest(value)));
      }
    }
  }
}

// The magnitudes of floats order as their bits do, and NaN lies above infinity: an integer
// maximum, which vectorises and forgets no NaN.
OCTET_KERNEL std::int32_t max_bits(const float* x, std::int64_t count) {
  std::int32_t most = 0;
  for (std::int64_t i = 0; i < count; ++i)
    most = std::max(most, std::bit_cast<std::int32_t>(x[i]) & 0x7fffffff);
  return most;
}

OCTET_KERNEL std::int32_t max_bits_columns(const float* x, std::int64_t rows, const float* factors,
                                           std::int64_t columns) {
  std::int32_t most = 0;
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t i = 0; i < columns; ++i)
      most = std::max(most,
                      std::bit_cast<std::int32_t>(x[row * columns + i] * factors[i]) & 0x7fffffff);
  return most;
}

}  // namespace

float absmax(const float* x, std::int64_t count, const float* factors, std::int64_t columns) {
  return std::bit_cast<float>(factors ? max_bits_columns(x, count / columns, factors, columns)
                                      : max_bits(x, count));
}

// In lanes, each of which knows its own two largest; magnitudes order as their bits do.
OCTET_KERNEL TwoLargest two_largest(const float* x, std::int64_t count) {
  constexpr std::int64_t lanes = 16;
  std::int32_t most[lanes] = {}, second[lanes] = {};
  const auto add = [](std::int32_t bits, std::int32_t& largest, std::int32_t& next) {
    next = std::max(next, std::min(largest, bits));
    largest = std::max(largest, bits);
  };
  const auto bits_of = [](float v) { return std::bit_cast<std::int32_t>(v) & 0x7fffffff; };
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes)
    for (std::int64_t k = 0; k < lanes; ++k) add(bits_of(x[i + k]), most[k], second[k]);
  for (; i < count; ++i) add(bits_of(x[i]), most[0], second[0]);
  for (std::int64_t k = 1; k < lanes; ++k) {
    add(most[k], most[0], second[0]);
    add(second[k], most[0], second[0]);
  }
  return {std::bit_cast<float>(most[0]), std::bit_cast<float>(second[0])};
}

// As integers of two's complement floats order as they do as numbers once the magnitudes of
// negative ones are turned round; the same map leads back.
[[gnu::always_inline]] inline std::int32_t ordered(std::int32_t bits) {
  return bits ^ ((bits >> 31) & 0x7fffffff);
}

OCTET_KERNEL bool round_floats(const float* x, std::int64_t begin, std::int64_t end,
                               const FloatRounding& how, float* out) {
  constexpr std::uint32_t infinity = 0x7f800000;
  const int dropped = how.dropped;
  const std::uint32_t mask = (std::uint32_t{1} << dropped) - 1;
  const std::uint32_t half_below = mask >> 1, odd = dropped > 0 ? 1 : 0;
  const std::uint32_t least_normal = how.least_normal_bits, largest = how.largest_bits;
  const std::uint64_t key = how.key;
  const bool stochastic = how.stochastic;
  std::uint32_t small = 0;
  for (std::int64_t i = begin; i < end; ++i) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(x[i]);
    const std::uint32_t size = bits & 0x7fffffff;
    // Up by carry: to the nearest, ties to even, or with the probability of what is dropped.
    const std::uint32_t added = stochastic ? random_bits(key, static_cast<std::uint32_t>(i)) & mask
                                           : half_below + ((size >> dropped) & odd);
    std::uint32_t rounded = (size + added) & ~mask;
    rounded = rounded > largest ? infinity : rounded;
    rounded = size >= infinity ? size : rounded;
    small |= size < least_normal && size != 0 ? 1u : 0u;
    out[i] = std::bit_cast<float>((bits & 0x80000000u) | rounded);
  }
  return small != 0;
}

OCTET_KERNEL void round_subnormals(const float* x, std::int64_t begin, std::int64_t end,
                                   const FloatRounding& how, float* out) {
  // Adding and taking away 1.5 * 2^52 rounds to the nearest whole number, ties to even.
  constexpr double rounder = 0x1.8p52;
  const double unit = how.unit, inverse = 1 / unit;
  const float least_normal = how.least_normal();
  const std::uint64_t key = how.key;
  const bool stochastic = how.stochastic;
  for (std::int64_t i = begin; i < end; ++i) {
    const double steps = static_cast<double>(x[i]) * inverse;
    const double nearest = (steps + rounder) - rounder;
    const double below = nearest > steps ? nearest - 1 : nearest;
    const double u =
        (static_cast<double>(random_bits(key, static_cast<std::uint32_t>(i))) + 0.5) * 0x1p-32;
    const double drawn = steps - below > u ? below + 1 : below;
    const auto rounded = static_cast<float>((stochastic ? drawn : nearest) * unit);
    const float size = std::abs(x[i]);
    out[i] = size < least_normal ? std::copysign(rounded, x[i]) : out[i];
  }
}

OCTET_KERNEL void minmax(const float* x, std::int64_t count, float* least, float* most) {
  std::int32_t low = ordered(std::bit_cast<std::int32_t>(*least));
  std::int32_t high = ordered(std::bit_cast<std::int32_t>(*most));
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int32_t value = ordered(std::bit_cast<std::int32_t>(x[i]));
    low = value < low ? value : low;
    high = value > high ? value : high;
  }
  *least = std::bit_cast<float>(ordered(low));
  *most = std::bit_cast<float>(ordered(high));
}

OCTET_KERNEL void encode(const float* x, std::int64_t first, std::int64_t count,
                         const Encoding& how, std::int8_t* codes) {
  if (how.factors) {
    encode_columns(x, first, count, how, codes);
  } else {
    encode_plain(x, first, count, how, codes);
  }
}

OCTET_KERNEL void encode(const float* x, std::int64_t first, std::int64_t count,
                         const Encoding& how, std::uint8_t* codes) {
  if (how.factors) {
    encode_columns(x, first, count, how, codes);
  } else {
    encode_plain(x, first, count, how, codes);
  }
}

OCTET_KERNEL void encode(const float* x, std::int64_t first, std::int64_t count,
                         const Encoding& how, float* codes) {
  if (how.factors) {
    encode_columns(x, first, count, how, codes);
  } else {
    encode_plain(x, first, count, how, codes);
  }
}

}  // namespace octet::kernels

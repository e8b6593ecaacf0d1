#include "quant/compression/bit_models.h"

#include <algorithm>

namespace octet {
namespace {

constexpr int most = 2047;

// 65536 / (1 + e^(-x / 256)) in doubles that are multiplied and divided, at compile time, so that
// no mathematics library has a say in them.
constexpr std::array<std::uint16_t, 2 * most + 1> squashed = [] {
  constexpr double step = 1.0039138893383475734436096039034;  // e^(1 / 256)
  std::array<std::uint16_t, 2 * most + 1> table{};
  double power = 1;
  for (int x = 0; x <= most; ++x, power *= step) {
    table[static_cast<std::size_t>(most + x)] =
        static_cast<std::uint16_t>(65536.0 * power / (1 + power));
    table[static_cast<std::size_t>(most - x)] = static_cast<std::uint16_t>(65536.0 / (1 + power));
  }
  return table;
}();

// By the top 12 bits of a probability: the largest x whose probability is not above the middle of
// those that begin with them.
constexpr std::array<std::int16_t, 4096> stretched = [] {
  std::array<std::int16_t, 4096> table{};
  int x = -most;
  for (int p = 0; p < 4096; ++p) {
    while (x < most && squashed[static_cast<std::size_t>(most + x + 1)] <= p * 16 + 8) ++x;
    table[static_cast<std::size_t>(p)] = static_cast<std::int16_t>(x);
  }
  return table;
}();

}  // namespace

int stretch(Probability p) { return stretched[p >> (probability_bits - 12)]; }

Probability squash(int x) {
  return squashed[static_cast<std::size_t>(most + std::clamp(x, -most, most))];
}

}  // namespace octet

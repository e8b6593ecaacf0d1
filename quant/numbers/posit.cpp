#include "quant/numbers/posit.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>

namespace octet {
namespace {

// The number of a positive pattern.
float decode_posit(std::uint32_t pattern, int bits, int es) {
  int at = bits - 2;  // below the sign
  const std::uint32_t first = pattern >> at & 1;
  int run = 0;
  while (at >= 0 && (pattern >> at & 1) == first) {
    --at;
    ++run;
  }
  const int regime = first ? run - 1 : -run;
  --at;  // the bit that ends the regime
  int exponent = 0;
  for (int i = 0; i < es; ++i, --at)  // bits that are cut off are zeros
    exponent = 2 * exponent + (at >= 0 ? static_cast<int>(pattern >> at & 1) : 0);
  float fraction = 1;
  for (float weight = 0.5f; at >= 0; --at, weight *= 0.5f)
    fraction += (pattern >> at & 1) ? weight : 0.0f;
  return std::ldexp(fraction, regime * (1 << es) + exponent);
}

}  // namespace

const std::vector<float>& positive_posits(int bits, int es) {
  static std::mutex mutex;
  static std::map<std::pair<int, int>, std::vector<float>> tables;
  const std::lock_guard lock(mutex);
  std::vector<float>& table = tables[{bits, es}];
  if (table.empty())
    for (std::uint32_t pattern = 1; pattern < std::uint32_t{1} << (bits - 1); ++pattern)
      table.push_back(decode_posit(pattern, bits, es));
  return table;
}

float round_to_posit(float value, const std::vector<float>& table, Rounding rounding,
                     std::uint32_t random) {
  if (value == 0) return 0;
  const float size = std::abs(value);
  const auto above = std::lower_bound(table.begin(), table.end(), size);
  float result = 0;
  if (above == table.begin()) {
    result = table.front();
  } else if (above == table.end()) {
    result = table.back();
  } else {
    const float low = *(above - 1), high = *above;
    const float part = (size - low) / (high - low);
    // Patterns count from 1: that of the lower one is even where its place in the table is odd.
    const bool low_is_even = (above - 1 - table.begin()) % 2 == 1;
    const bool up = rounding == Rounding::stochastic
                        ? part > static_cast<float>(random >> 8) * 0x1p-24f
                        : part > 0.5f || (part == 0.5f && !low_is_even);
    result = up ? high : low;
  }
  return std::copysign(result, value);
}

}  // namespace octet

// The inner loops of encoding: code = clip(round(x * factor / scale)), written once and compiled
// for several instruction sets. Divisions, not products with a reciprocal: a value on the grid must
// come back as its own code.
#pragma once

#include <cstdint>

namespace octet::kernels {

/// How one run of values becomes codes. `factors` is null or holds `columns` factors that
/// multiply the values, repeating: column i % columns belongs to value i.
struct Encoding {
  float scale = 1;
  float zero_point = 0;
  float least = -127, most = 127;
  const float* factors = nullptr;
  std::int64_t columns = 1;
  bool stochastic = false;
  std::uint64_t key = 0;
};

/// Largest magnitude of x[i] * factors[i % columns]; NaN when a value is NaN.
float absmax(const float* x, std::int64_t count, const float* factors, std::int64_t columns);
/// Widens least .. most to hold all values; one of them becomes NaN when a value is.
void minmax(const float* x, std::int64_t count, float* least, float* most);

/// Values first .. first + count - 1 of a tensor, whose random numbers depend on their index.
/// With factors, `first` is a multiple of columns.
void encode(const float* x, std::int64_t first, std::int64_t count, const Encoding& how,
            std::int8_t* codes);
void encode(const float* x, std::int64_t first, std::int64_t count, const Encoding& how,
            std::uint8_t* codes);
void encode(const float* x, std::int64_t first, std::int64_t count, const Encoding& how,
            float* codes);

}  // namespace octet::kernels

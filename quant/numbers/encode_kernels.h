// The inner loops of encoding: code = clip(round(x * factor / scale)), written once and compiled
// for several instruction sets. Divisions, not products with a reciprocal: a value on the grid must
// come back as its own code.
#pragma once

#include <bit>
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

/// To a floating grid, on the bits of float32.
struct FloatRounding {
  int dropped = 0;  ///< bits of the mantissa
  std::uint32_t least_normal_bits = 0, largest_bits = 0;
  double unit = 0;  ///< the smallest number above 0
  bool stochastic = false;
  std::uint64_t key = 0;
  float least_normal() const { return std::bit_cast<float>(least_normal_bits); }
};
/// Values begin .. end - 1, each rounded as if the grid had no subnormal numbers; beyond the
/// largest they become infinite. Returns whether there are values below the least normal number,
/// which are left for round_subnormals.
bool round_floats(const float* x, std::int64_t begin, std::int64_t end, const FloatRounding& how,
                  float* out);
/// Values begin .. end - 1 whose magnitude is below the least normal number, to multiples of the
/// unit; the others of `out` stay.
void round_subnormals(const float* x, std::int64_t begin, std::int64_t end,
                      const FloatRounding& how, float* out);

/// Largest magnitude of x[i] * factors[i % columns]; NaN when a value is NaN.
float absmax(const float* x, std::int64_t count, const float* factors, std::int64_t columns);
/// The largest magnitude and the one next to it (the same where two are as large); of finite
/// values.
struct TwoLargest {
  float most = 0, second = 0;
};
TwoLargest two_largest(const float* x, std::int64_t count);
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

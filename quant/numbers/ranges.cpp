#include "quant/numbers/ranges.h"

#include <algorithm>
#include <cmath>

#include "framework/check.h"
#include "framework/parallel.h"
#include "quant/numbers/encode_kernels.h"
#include "quant/numbers/quantizer.h"

namespace octet::ranges {
namespace {

using Rule = Scaling::Rule;
constexpr std::int64_t grain = 1 << 14;

}  // namespace

int code_bits(const Grid& grid) {
  if (grid.kind == Grid::Kind::midrise) return grid.bits + 1;
  return grid.kind == Grid::Kind::integer ? grid.bits : 2;
}

// floor(log2 of x) + 1: the least exponent e with x < 2^e.
int exponent_above(float x) {
  int exponent = 0;
  std::frexp(x, &exponent);
  return exponent;
}

// The scale of a tensor or channel whose largest magnitude is `most`. All zeros get scale 1.
float scale_of_range(const Format& format, float most) {
  if (!(most > 0)) return 1.0f;
  if (format.scaling.rule == Rule::block)
    return std::ldexp(1.0f, std::max(exponent_above(most), -90) - (code_bits(format.grid) - 1));
  if (format.scaling.rule == Rule::pow2) {
    const int exponent = static_cast<int>(std::lrint(std::log2(static_cast<double>(most))));
    // Of a range that is thrown away nothing is clipped: values up to sqrt(2) have a bit of room.
    return std::ldexp(1.0f, exponent + format.scaling.unit - (code_bits(format.grid) - 1));
  }
  const float scale = most / static_cast<float>(format.grid.most());
  // A denormal range would lose the law's exactness; nothing is lost by calling it zero.
  return scale < 1e-30f ? 1.0f : coarse_scale(scale, code_bits(format.grid));
}

float absmax(const float* x, std::int64_t count, const std::vector<float>* factors) {
  const std::int64_t columns = factors ? static_cast<std::int64_t>(factors->size()) : 1;
  const std::int64_t rows = count / columns;
  const std::int64_t chunk = std::max<std::int64_t>(1, grain / columns);
  std::vector<float> parts(static_cast<std::size_t>((rows + chunk - 1) / chunk));
  parallel_for(static_cast<std::int64_t>(parts.size()), 4, [&](std::int64_t a, std::int64_t b) {
    for (std::int64_t i = a; i < b; ++i) {
      const std::int64_t begin = i * chunk, end = std::min(rows, begin + chunk);
      parts[static_cast<std::size_t>(i)] =
          kernels::absmax(x + begin * columns, (end - begin) * columns,
                          factors ? factors->data() : nullptr, columns);
    }
  });
  float most = 0;
  for (const float part : parts) most = std::isnan(part) || part > most ? part : most;
  return most;
}

// Widens least .. most to hold all values.
void minmax(const float* x, std::int64_t count, float* least, float* most) {
  const auto parts = static_cast<std::size_t>((count + grain - 1) / grain);
  std::vector<float> low(parts, *least), high(parts, *most);
  parallel_for(static_cast<std::int64_t>(parts), 4, [&](std::int64_t a, std::int64_t b) {
    for (std::int64_t i = a; i < b; ++i)
      kernels::minmax(x + i * grain, std::min(grain, count - i * grain),
                      &low[static_cast<std::size_t>(i)], &high[static_cast<std::size_t>(i)]);
  });
  // A NaN is neither smaller nor larger, and must not be lost.
  for (std::size_t i = 0; i < parts; ++i) {
    *least = low[i] < *least || std::isnan(low[i]) ? low[i] : *least;
    *most = high[i] > *most || std::isnan(high[i]) ? high[i] : *most;
  }
}

double sum_abs(const float* x, std::int64_t count, float above) {
  return parallel_sum(count, grain, [&](std::int64_t a, std::int64_t b) {
    double sum = 0;
    for (std::int64_t i = a; i < b; ++i) sum += std::abs(x[i]) > above ? std::abs(x[i]) : 0.0f;
    return sum;
  });
}

// Mean magnitude (binary), or that of the weights beyond 0.7 of it (ternary weight networks; the
// codes round at half the scale, which is not their threshold, so the scale is what the paper's
// threshold gives and the rounding is ours).
float mean_scale(const Format& format, const float* x, std::int64_t count) {
  const double mean = sum_abs(x, count, -1.0f) / static_cast<double>(count);
  if (format.grid.kind == Grid::Kind::binary) return static_cast<float>(mean);
  const float threshold = static_cast<float>(0.7 * mean);
  const double kept = parallel_sum(count, grain, [&](std::int64_t a, std::int64_t b) {
    double n = 0;
    for (std::int64_t i = a; i < b; ++i) n += std::abs(x[i]) > threshold ? 1 : 0;
    return n;
  });
  return kept > 0 ? static_cast<float>(sum_abs(x, count, threshold) / kept) : 0.0f;
}

void check_finite(float range) {
  check(std::isfinite(range), Failure::numbers,
        "a tensor to be quantised holds NaN or infinity: the training has diverged");
}

double share_reaching(const float* x, std::int64_t count, float from) {
  const double reached = parallel_sum(count, grain, [&](std::int64_t a, std::int64_t b) {
    double n = 0;
    for (std::int64_t i = a; i < b; ++i) n += std::abs(x[i]) >= from ? 1 : 0;
    return n;
  });
  return reached / static_cast<double>(count);
}

}  // namespace octet::ranges

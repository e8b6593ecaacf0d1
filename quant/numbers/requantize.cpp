#include "quant/numbers/requantize.h"

#include <algorithm>
#include <numeric>

#include "framework/parallel.h"
#include "quant/numbers/requantize_table.h"

namespace octet {
namespace {

// Sums of codes and of their products, `period` columns at a time.
template <class Product, class E, class Y>
[[gnu::always_inline]] inline void add_moments(const E* e, const Y* y, std::int64_t count,
                                               std::int64_t period, std::int32_t* sums,
                                               std::int32_t* products) {
  for (std::int64_t row = 0; row < count; row += period) {
    const std::int64_t columns = std::min(period, count - row);
    for (std::int64_t j = 0; j < columns; ++j) {
      const Product a = e[row + j], b = y[row + j];
      sums[j] += a;
      products[j] += static_cast<Product>(a * b);
    }
  }
}

// 127 x 255 fits 16 bits, 255 x 255 does not.
OCTET_KERNEL void moments_kernel(const std::int8_t* e, const std::int8_t* y, std::int64_t count,
                                 std::int64_t period, std::int32_t* sums, std::int32_t* products) {
  add_moments<std::int16_t>(e, y, count, period, sums, products);
}

OCTET_KERNEL void moments_kernel(const std::int8_t* e, const std::uint8_t* y, std::int64_t count,
                                 std::int64_t period, std::int32_t* sums, std::int32_t* products) {
  add_moments<std::int16_t>(e, y, count, period, sums, products);
}

OCTET_KERNEL void moments_kernel(const std::uint8_t* e, const std::uint8_t* y, std::int64_t count,
                                 std::int64_t period, std::int32_t* sums, std::int32_t* products) {
  add_moments<std::int32_t>(e, y, count, period, sums, products);
}

template <class E, class Y>
void moments(const E* e, const Y* y, std::int64_t rows, std::int64_t channels, std::int64_t* sums,
             std::int64_t* products) {
  const std::int64_t period = Columns::period_of(channels);
  static thread_local std::vector<std::int32_t> parts;
  parts.assign(static_cast<std::size_t>(2 * period), 0);
  moments_kernel(e, y, rows * channels, period, parts.data(), parts.data() + period);
  for (std::int64_t j = 0; j < period; ++j) {
    sums[j % channels] += parts[static_cast<std::size_t>(j)];
    products[j % channels] += parts[static_cast<std::size_t>(period + j)];
  }
}

}  // namespace

std::int64_t Columns::period_of(std::int64_t channels) {
  const std::int64_t period = std::lcm(channels, std::int64_t{16});
  // At least four vectors, so that sums by column do not wait for each other.
  return period * std::max<std::int64_t>(1, 64 / period);
}

void Columns::set(std::int64_t channels, std::span<const float> values) {
  values_.resize(static_cast<std::size_t>(period_of(channels)));
  for (std::size_t i = 0; i < values_.size(); ++i)
    values_[i] = values.size() > 1 ? values[i % static_cast<std::size_t>(channels)] : values[0];
}

void Tally::add(const Tally& other) {
  most = std::max(most, other.most);
  clipped += other.clipped;
  underflowed += other.underflowed;
  counted += other.counted;
}

namespace {

const requantizers::Table& table() {
  static const requantizers::Table& chosen = [&]() -> const requantizers::Table& {
    const requantizers::Table* fastest = requantizers::avx512();
    if (!fastest) fastest = requantizers::avx2();
    return fastest ? *fastest : requantizers::plain();
  }();
  return chosen;
}

}  // namespace

#define OCTET_REQUANTIZE(X, Code)                                                         \
  void requantize(const X* x, std::int64_t count, const Requantization& how, Code* codes, \
                  Tally& tally) {                                                         \
    table().of(x, codes)(x, count, how, codes, tally);                                    \
  }
OCTET_REQUANTIZE(std::int32_t, std::int8_t)
OCTET_REQUANTIZE(std::int32_t, std::uint8_t)
OCTET_REQUANTIZE(std::int8_t, std::int8_t)
OCTET_REQUANTIZE(std::int8_t, std::uint8_t)
OCTET_REQUANTIZE(std::uint8_t, std::int8_t)
OCTET_REQUANTIZE(std::uint8_t, std::uint8_t)
#undef OCTET_REQUANTIZE

OCTET_KERNEL void channel_absmax(const std::int32_t* x, std::int64_t rows, std::int64_t channels,
                                 const float* factor, const float* offset, float* most) {
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t k = 0; k < channels; ++k) {
      float v = factor[k] * static_cast<float>(x[r * channels + k]);
      if (offset) v += offset[k];
      v = v < 0 ? -v : v;
      most[k] = v > most[k] ? v : most[k];
    }
}

void code_moments(const std::int8_t* e, const std::int8_t* y, std::int64_t rows,
                  std::int64_t channels, std::int64_t* sums, std::int64_t* products) {
  moments(e, y, rows, channels, sums, products);
}

void code_moments(const std::int8_t* e, const std::uint8_t* y, std::int64_t rows,
                  std::int64_t channels, std::int64_t* sums, std::int64_t* products) {
  moments(e, y, rows, channels, sums, products);
}

void code_moments(const std::uint8_t* e, const std::uint8_t* y, std::int64_t rows,
                  std::int64_t channels, std::int64_t* sums, std::int64_t* products) {
  moments(e, y, rows, channels, sums, products);
}

}  // namespace octet

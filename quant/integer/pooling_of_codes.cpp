#include "quant/integer/pooling_of_codes.h"

#include <algorithm>

#include "framework/parallel.h"

namespace octet {
namespace {

OCTET_KERNEL void take_larger(const std::uint8_t* codes, std::int64_t count, std::uint8_t* most) {
  for (std::int64_t i = 0; i < count; ++i) most[i] = codes[i] > most[i] ? codes[i] : most[i];
}

OCTET_KERNEL void add(const std::uint8_t* codes, std::int64_t count, std::int32_t* sums) {
  for (std::int64_t i = 0; i < count; ++i) sums[i] += codes[i];
}

}  // namespace

void max_pool_codes(const std::uint8_t* codes, const Shape& input, std::int64_t window,
                    std::int64_t stride, const Shape& output, std::uint8_t* pooled) {
  const std::int64_t h = input[0], w = input[1], c = input[2];
  for (std::int64_t y = 0; y < output[0]; ++y)
    for (std::int64_t x = 0; x < output[1]; ++x, pooled += c) {
      std::fill_n(pooled, c, std::uint8_t{0});
      for (std::int64_t r = y * stride; r < std::min(h, y * stride + window); ++r)
        for (std::int64_t q = x * stride; q < std::min(w, x * stride + window); ++q)
          take_larger(codes + (r * w + q) * c, c, pooled);
    }
}

void sum_windows(const std::uint8_t* codes, const Shape& input, const Window& window,
                 const Shape& output, std::int32_t* sums) {
  const std::int64_t w = input[1], c = input[2], stride = window.stride;
  for (std::int64_t y = 0; y < output[0]; ++y)
    for (std::int64_t x = 0; x < output[1]; ++x, sums += c) {
      std::fill_n(sums, c, 0);
      for (std::int64_t r = y * stride; r < y * stride + window.kernel_h; ++r)
        for (std::int64_t q = x * stride; q < x * stride + window.kernel_w; ++q)
          add(codes + (r * w + q) * c, c, sums);
    }
}

Averaging::Averaging(float input_scale, std::int32_t input_zero, std::int64_t positions,
                     const Edge& output, bool rectify, RequantRounding rounding)
    : Averaging(multiplier_of(static_cast<double>(input_scale) /
                                  static_cast<double>(output.scale) /
                                  static_cast<double>(positions),
                              rounding),
                input_zero, positions, output.zero_point, rectify, rounding) {}

Averaging::Averaging(const Multiplier& multiplier, std::int32_t input_zero, std::int64_t positions,
                     std::int32_t output_zero, bool rectify, RequantRounding rounding)
    : multiplier_(multiplier),
      shift_(positions * input_zero),
      zero_point_(output_zero),
      least_(rectify ? output_zero : 0),
      rounding_(rounding) {}

void Averaging::run(const std::int32_t* sums, std::int64_t count, std::uint8_t* codes) const {
  for (std::int64_t i = 0; i < count; ++i) {
    const auto sum = static_cast<std::int32_t>(sums[i] - shift_);
    const std::int64_t code = std::int64_t{zero_point_} + multiply(sum, multiplier_, rounding_);
    codes[i] = static_cast<std::uint8_t>(std::clamp<std::int64_t>(code, least_, 255));
  }
}

}  // namespace octet

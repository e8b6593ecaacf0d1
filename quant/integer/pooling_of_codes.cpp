#include "quant/integer/pooling_of_codes.h"

#include <algorithm>

#include "framework/parallel.h"

namespace octet {
namespace {

// The largest codes of so many neighbouring lines, each `line` codes long.
OCTET_KERNEL void take_lines(const std::uint8_t* codes, std::int64_t line, std::int64_t lines,
                             std::uint8_t* most) {
  for (std::int64_t i = 0; i < line; ++i) {
    std::uint8_t largest = codes[i];
    for (std::int64_t r = 1; r < lines; ++r)
      largest = codes[r * line + i] > largest ? codes[r * line + i] : largest;
    most[i] = largest;
  }
}

// The largest codes of so many neighbouring pixels of `channels`.
OCTET_KERNEL void take_pixels(const std::uint8_t* codes, std::int64_t pixels, std::int64_t channels,
                              std::uint8_t* most) {
  for (std::int64_t c = 0; c < channels; ++c) most[c] = codes[c];
  for (std::int64_t p = 1; p < pixels; ++p)
    for (std::int64_t c = 0; c < channels; ++c)
      most[c] = codes[p * channels + c] > most[c] ? codes[p * channels + c] : most[c];
}

// The same of pairs, which is what most pooling asks for.
OCTET_KERNEL void take_pairs(const std::uint8_t* codes, std::int64_t pairs, std::int64_t channels,
                             std::uint8_t* most) {
  for (std::int64_t p = 0; p < pairs; ++p)
    for (std::int64_t c = 0; c < channels; ++c) {
      const std::uint8_t a = codes[2 * p * channels + c], b = codes[(2 * p + 1) * channels + c];
      most[p * channels + c] = a > b ? a : b;
    }
}

OCTET_KERNEL void add(const std::uint8_t* codes, std::int64_t count, std::int32_t* sums) {
  for (std::int64_t i = 0; i < count; ++i) sums[i] += codes[i];
}

}  // namespace

void max_pool_codes(const std::uint8_t* codes, const Shape& input, std::int64_t window,
                    std::int64_t stride, const Shape& output, std::uint8_t* pooled) {
  const std::int64_t h = input[0], w = input[1], c = input[2];
  static thread_local std::vector<std::uint8_t> kept;
  kept.resize(static_cast<std::size_t>(w * c));
  for (std::int64_t y = 0; y < output[0]; ++y) {
    take_lines(codes + y * stride * w * c, w * c, std::min(window, h - y * stride), kept.data());
    std::int64_t x = 0;
    if (window == 2 && stride == 2) {
      x = std::min(output[1], w / 2);
      take_pairs(kept.data(), x, c, pooled);
    }
    for (; x < output[1]; ++x)
      take_pixels(kept.data() + x * stride * c, std::min(window, w - x * stride), c,
                  pooled + x * c);
    pooled += output[1] * c;
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
    : Averaging(multiplier_of(static_cast<double>(input_scale) / static_cast<double>(output.scale) /
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

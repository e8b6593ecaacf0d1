#include "framework/weight_gradient/depthwise.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "framework/parallel.h"

namespace octet::weight_gradient {
namespace {

constexpr std::int64_t lanes = 32;
// Products of a byte 0 .. 255 and a byte -128 .. 127 that are sure to sum to an int32.
constexpr std::int64_t most_terms = ((std::int64_t{1} << 31) - 1) / (255 * 128);

using Signed = std::int8_t __attribute__((vector_size(lanes)));
using Unsigned = std::uint8_t __attribute__((vector_size(lanes)));
using Words = std::int16_t __attribute__((vector_size(2 * lanes)));
using Sums = std::int32_t __attribute__((vector_size(4 * lanes)));

// Lines of positions, `channels` bytes each, that one tap of the window brings together.
template <class Code>
struct Lines {
  const Code* input;
  const std::int8_t* error;
  std::int64_t lines, width;
  std::int64_t input_line, input_step, error_line, error_step;
  std::int16_t zero;  // the zero point of uint8 codes
};

// totals[0 .. 31] += the products of 32 channels; a product of a difference of codes and a byte
// fits a word.
template <class Code>
[[gnu::always_inline]] inline void add_vector(const Lines<Code>& l, std::int64_t channel,
                                              std::int64_t* totals) {
  using Codes = std::conditional_t<std::is_same_v<Code, std::uint8_t>, Unsigned, Signed>;
  Sums sums = {};
  for (std::int64_t y = 0; y < l.lines; ++y) {
    const Code* a = l.input + y * l.input_line + channel;
    const std::int8_t* e = l.error + y * l.error_line + channel;
    for (std::int64_t x = 0; x < l.width; ++x, a += l.input_step, e += l.error_step) {
      Codes codes;
      Signed errors;
      std::memcpy(&codes, a, lanes);
      std::memcpy(&errors, e, lanes);
      const Words products =
          (__builtin_convertvector(codes, Words) - l.zero) * __builtin_convertvector(errors, Words);
      sums += __builtin_convertvector(products, Sums);
    }
  }
  for (std::int64_t i = 0; i < lanes; ++i) totals[i] += sums[i];
}

template <class Code>
void add_one(const Lines<Code>& l, std::int64_t channel, std::int64_t* total) {
  std::int32_t sum = 0;
  for (std::int64_t y = 0; y < l.lines; ++y)
    for (std::int64_t x = 0; x < l.width; ++x)
      sum += (l.input[y * l.input_line + x * l.input_step + channel] - l.zero) *
             l.error[y * l.error_line + x * l.error_step + channel];
  *total += sum;
}

template <class Code>
[[gnu::always_inline]] inline void add_all(const Lines<Code>& l, std::int64_t channels,
                                           std::int64_t* totals) {
  std::int64_t c = 0;
  for (; channels - c >= lanes; c += lanes) add_vector(l, c, totals + c);
  for (; c < channels; ++c) add_one(l, c, totals + c);
}

OCTET_KERNEL void add_bytes(const Lines<std::int8_t>& l, std::int64_t channels,
                            std::int64_t* totals) {
  add_all(l, channels, totals);
}

OCTET_KERNEL void add_bytes(const Lines<std::uint8_t>& l, std::int64_t channels,
                            std::int64_t* totals) {
  add_all(l, channels, totals);
}

// Output positions first .. last - 1 whose input position lies inside.
struct Range {
  std::int64_t first, last;
  Range(std::int64_t begin, std::int64_t end, std::int64_t extent, std::int64_t stride,
        std::int64_t shift)
      : first(std::max(begin, shift < 0 ? (-shift + stride - 1) / stride : 0)),
        last(std::min(end, extent - shift > 0 ? (extent - shift + stride - 1) / stride : 0)) {}
};

// totals[tap][channel] over the lines first .. last - 1 of one image's output.
template <class Code>
void add_lines(const Tensor& input, const Tensor& error, const Window& w, std::int64_t image,
               std::int64_t first, std::int64_t last, std::int64_t* totals) {
  const Shape &in = input.shape(), &out = error.shape();
  const std::int64_t channels = in[3];
  for (std::int64_t kh = 0; kh < w.kernel_h; ++kh)
    for (std::int64_t kw = 0; kw < w.kernel_w; ++kw, totals += channels) {
      const std::int64_t shift_h = kh - w.pad_top, shift_w = kw - w.pad_left;
      const Range h(first, last, in[1], w.stride, shift_h);
      const Range x(0, out[2], in[2], w.stride, shift_w);
      if (h.first >= h.last || x.first >= x.last) continue;
      const std::int64_t top = image * in[1] + h.first * w.stride + shift_h;
      const std::int64_t left = x.first * w.stride + shift_w;
      add_bytes(Lines<Code>{input.data<Code>() + (top * in[2] + left) * channels,
                            error.data<std::int8_t>() +
                                ((image * out[1] + h.first) * out[2] + x.first) * channels,
                            h.last - h.first, x.last - x.first, w.stride * in[2] * channels,
                            w.stride * channels, out[2] * channels, channels,
                            static_cast<std::int16_t>(input.zero_point)},
                channels, totals);
    }
}

void add_errors(const Tensor& error, std::int64_t first, std::int64_t last, std::int64_t* totals) {
  const std::int64_t channels = error.shape()[3];
  const auto* e = error.data<std::int8_t>() + first * error.shape()[2] * channels;
  for (std::int64_t i = 0; i < (last - first) * error.shape()[2]; ++i)
    for (std::int64_t c = 0; c < channels; ++c) totals[c] += *e++;
}

}  // namespace

void compute_depthwise(const Tensor& input, const Tensor& error, const Window& window,
                       const std::vector<float>& scales, Tensor& gradient,
                       std::int64_t* error_sums) {
  const Shape& out = error.shape();
  const std::int64_t channels = out[3], taps = window.kernel_h * window.kernel_w;
  const std::int64_t all_lines = out[0] * out[1], most_lines = most_terms / out[2];
  const std::int64_t parts = std::clamp<std::int64_t>(all_lines, 1, threads());
  static thread_local std::vector<std::int64_t> kept;
  kept.assign(static_cast<std::size_t>(parts * (taps + 1) * channels), 0);
  std::int64_t* const sums = kept.data();
  parallel_for(parts, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t part = begin; part < end; ++part) {
      std::int64_t* const totals = sums + part * (taps + 1) * channels;
      for (std::int64_t line = all_lines * part / parts; line < all_lines * (part + 1) / parts;) {
        const std::int64_t image = line / out[1], first = line % out[1];
        const std::int64_t lines =
            std::min({all_lines * (part + 1) / parts - line, out[1] - first, most_lines});
        if (input.element() == Element::uint8)
          add_lines<std::uint8_t>(input, error, window, image, first, first + lines, totals);
        else
          add_lines<std::int8_t>(input, error, window, image, first, first + lines, totals);
        if (error_sums) add_errors(error, line, line + lines, totals + taps * channels);
        line += lines;
      }
    }
  });
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t tap = 0; tap <= taps; ++tap) {
      std::int64_t total = 0;
      for (std::int64_t part = 0; part < parts; ++part)
        total += sums[(part * (taps + 1) + tap) * channels + c];
      if (tap < taps)
        gradient.floats()[c * taps + tap] =
            scales[scales.size() == 1 ? 0 : static_cast<std::size_t>(c)] *
            static_cast<float>(total);
      else if (error_sums)
        error_sums[c] = total;
    }
}

}  // namespace octet::weight_gradient

// The error of a convolution's input, from the error of its output: a convolution of the output's
// errors with the weights turned round. Where strides or the lack of padding make the output much
// smaller than the input, that would multiply mostly zeros: then every window's error is computed
// by itself, and the windows are added up (col2im).
#include <algorithm>
#include <cstring>
#include <functional>

#include "framework/arithmetic.h"
#include "framework/code_blocks.h"
#include "framework/code_outliers.h"
#include "framework/code_paths.h"
#include "framework/direct_convolution.h"
#include "framework/parallel.h"
#include "framework/rotated_weights.h"

namespace octet::products {
namespace {

// Puts stride - 1 zeros between neighbouring rows and columns of n images.
void spread(const std::int8_t* from, const Shape& s, std::int64_t images, std::int64_t stride,
            Tensor& wide) {
  const std::int64_t h = (s[1] - 1) * stride + 1, w = (s[2] - 1) * stride + 1;
  wide.resize({images, h, w, s[3]}, Element::int8);
  wide.fill_zero();
  auto* to = wide.data<std::int8_t>();
  for (std::int64_t line = 0; line < images * s[1]; ++line)
    for (std::int64_t x = 0; x < s[2]; ++x)
      std::memcpy(to + ((line / s[1] * h + line % s[1] * stride) * w + x * stride) * s[3],
                  from + (line * s[2] + x) * s[3], static_cast<std::size_t>(s[3]));
}

// rows x columns -> columns x rows.
void transpose(const std::int8_t* from, std::int64_t rows, std::int64_t columns, std::int8_t* to) {
  parallel_for(columns, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r0 = 0; r0 < rows; r0 += 64)
      for (std::int64_t c = begin; c < end; ++c)
        for (std::int64_t r = r0; r < std::min(rows, r0 + 64); ++r)
          to[c * rows + r] = from[r * columns + c];
  });
}

[[gnu::always_inline]] inline void add_run(const std::int32_t* __restrict from, std::int64_t count,
                                           std::int32_t* __restrict to) {
  for (std::int64_t i = 0; i < count; ++i) to[i] += from[i];
}

// Adds the windows of output lines first .. last - 1, (last - first) x OW x (KH x KW x C), to the
// H x W x C sums of their image.
OCTET_KERNEL void fold(const std::int32_t* windows, std::int64_t first_line, std::int64_t last_line,
                       const Shape& input, const Window& w, std::int32_t* sums) {
  const std::int64_t height = input[1], width = input[2], channels = input[3];
  const std::int64_t output_w = w.output_w(width);
  for (std::int64_t y = first_line; y < last_line; ++y)
    for (std::int64_t x = 0; x < output_w; ++x) {
      const std::int64_t top = y * w.stride - w.pad_top, left = x * w.stride - w.pad_left;
      const std::int64_t first = std::clamp<std::int64_t>(-left, 0, w.kernel_w);
      const std::int64_t last = std::clamp<std::int64_t>(width - left, first, w.kernel_w);
      for (std::int64_t row = 0; row < w.kernel_h; ++row, windows += w.kernel_w * channels)
        if (top + row >= 0 && top + row < height)
          add_run(windows + first * channels, (last - first) * channels,
                  sums + ((top + row) * width + left + first) * channels);
    }
}

// Sums of windows that are folded while they are in a core's cache.
constexpr std::int64_t window_bytes = 256 << 10;

void folded_sums(const Tensor& error, const Tensor& weight, const Window& window,
                 const Shape& input, const Addition& add, const SumsBody& body) {
  const Shape &s = error.shape(), &kernel = weight.shape();
  const std::int64_t images = s[0], height = s[1], width = s[2], filters = s[3];
  const std::int64_t row = weight.elements() / filters, image = input.elements() / images;
  check_terms(Element::int8, filters * kernel[1] * kernel[2]);
  ProductScope scope("input error", 2.0 * static_cast<double>(error.elements() * row));
  static thread_local Tensor transposed;
  static thread_local direct_convolution::Weights packed;
  transposed.resize({row, 1, 1, filters}, Element::int8);
  transpose(weight.data<std::int8_t>(), filters, row, transposed.data<std::int8_t>());
  const bool direct = paths().direct && direct_convolution::pays(s, {});
  if (direct) packed.pack(transposed, Element::int8);
  const direct_convolution::Weights& weights = packed;
  const CodeMatrix matrix{transposed.raw(), Element::int8, filters, true};
  const std::int64_t some = std::clamp<std::int64_t>(window_bytes / (width * row * 4), 1, height);
  const std::int64_t count = block_images(images, image * 4, 0);
  parallel_for(ceil_div(images, count), 1, [&](std::int64_t begin, std::int64_t end) {
    static thread_local Tensor windows, sums;
    windows.resize({some * width * row}, Element::int32);
    sums.resize({count * image}, Element::int32);
    auto* const products = windows.data<std::int32_t>();
    for (std::int64_t block = begin; block < end; ++block) {
      const std::int64_t first = block * count, n = std::min(count, images - first);
      sums.fill_zero();
      for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t y = 0; y < height; y += some) {
          const std::int64_t last = std::min(height, y + some), lines = last - y;
          const auto* const codes =
              error.data<std::int8_t>() + ((first + i) * height + y) * width * filters;
          if (direct) {
            direct_convolution::run(weights, codes, {1, lines, width, filters}, {}, products);
          } else {
            gemm_exact(lines * width, row, filters, {codes, Element::int8, filters, false}, matrix,
                       false, products);
          }
          fold(products, y, last, input, window, sums.data<std::int32_t>() + i * image);
        }
      if (add) add(first, n, sums.data<std::int32_t>());
      scope.run(body, first, n, sums.data<std::int32_t>());
    }
  });
}

void turned_sums(const Tensor& error, const Tensor& weight, const Window& window,
                 const Shape& input, const Addition& add, const SumsBody& body) {
  static thread_local Tensor rotated;
  rotate_weights<std::int8_t>(weight, window.groups, rotated);
  const Shape& s = error.shape();
  const std::int64_t stride = window.stride;
  const Shape wide{s[0], (s[1] - 1) * stride + 1, (s[2] - 1) * stride + 1, s[3]};
  const Window back = rotated_window(window, wide[1], wide[2], input);
  const std::int64_t image = error.elements() / s[0];
  const auto* codes = error.data<std::int8_t>();
  const auto source = [&](std::int64_t first, std::int64_t count) -> const std::int8_t* {
    if (stride == 1) return codes + first * image;
    static thread_local Tensor spread_error;
    spread(codes + first * image, s, count, stride, spread_error);
    return spread_error.data<std::int8_t>();
  };
  sums_in_blocks("input error", {Element::int8}, wide, rotated, back, std::cref(source), add, body);
}

}  // namespace

void input_error_sums(const Tensor& error, const Tensor& weight, const Window& window,
                      const Shape& input, const SumsBody& body) {
  const CodeOutliers outliers(weight, window);
  Addition add;
  if (!weight.outliers.empty())
    add = [&](std::int64_t first, std::int64_t count, std::int32_t* sums) {
      outliers.add_to_input_errors(error, input, first, count, sums);
    };
  // Folding writes and reads the sums of all windows: worth it from twice as many products on. It
  // multiplies matrices, so it needs them to be no slower than convolutions.
  const Paths& p = paths();
  const bool folded = window.groups == 1 && (p.direct || p.gemm || !p.convolution) &&
                      input[1] * input[2] >= 2 * error.shape()[1] * error.shape()[2];
  (folded ? folded_sums : turned_sums)(error, weight, window, input, add, body);
}

}  // namespace octet::products

// The convolution that carries errors back through another: its weights and its window.
#pragma once

#include <algorithm>
#include <cstdint>

#include "framework/parallel.h"
#include "framework/tensor.h"
#include "framework/window.h"

namespace octet {

/// K x KH x KW x C/groups -> C x KH x KW x K/groups, rotated by half a turn. T is the element.
template <class T>
void rotate_weights(const Tensor& weight, std::int64_t groups, Tensor& rotated) {
  const Shape& s = weight.shape();
  const std::int64_t outputs = s[0] / groups, inputs = s[3];
  rotated.resize({groups * inputs, s[1], s[2], outputs}, weight.element());
  const T* const from = weight.data<T>();
  T* const to = rotated.data<T>();
  for (std::int64_t g = 0; g < groups; ++g)
    parallel_for(inputs, 16, [&](std::int64_t begin, std::int64_t end) {
      // Blocks of 64 outputs x 64 inputs stay in the first cache on both sides.
      for (std::int64_t c0 = begin; c0 < end; c0 += 64)
        for (std::int64_t k0 = 0; k0 < outputs; k0 += 64)
          for (std::int64_t h = 0; h < s[1]; ++h)
            for (std::int64_t w = 0; w < s[2]; ++w)
              for (std::int64_t c = c0; c < std::min(end, c0 + 64); ++c) {
                T* const row = to + (((g * inputs + c) * s[1] + h) * s[2] + w) * outputs;
                const T* const column =
                    from + (((g * outputs) * s[1] + s[1] - 1 - h) * s[2] + s[2] - 1 - w) * inputs +
                    c;
                for (std::int64_t k = k0; k < std::min(outputs, k0 + 64); ++k)
                  row[k] = column[k * s[1] * s[2] * inputs];
              }
    });
}

/// The window that the rotated weights slide with over errors of `height` x `width`, those of
/// strides above 1 spread, to give an error of the input's shape. What the window did not reach at
/// the far edge gets none: padding makes up for it. Paddings are below 0 where the window's own are
/// wider than its kernel allows.
inline Window rotated_window(const Window& window, std::int64_t height, std::int64_t width,
                             const Shape& input) {
  Window back{.kernel_h = window.kernel_h,
              .kernel_w = window.kernel_w,
              .pad_top = window.kernel_h - 1 - window.pad_top,
              .pad_left = window.kernel_w - 1 - window.pad_left,
              .groups = window.groups};
  back.pad_bottom = input[1] - (height + back.pad_top - window.kernel_h + 1);
  back.pad_right = input[2] - (width + back.pad_left - window.kernel_w + 1);
  return back;
}

}  // namespace octet

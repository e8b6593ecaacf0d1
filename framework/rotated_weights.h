// The weights of the convolution that carries errors back through another one of stride 1.
#pragma once

#include <algorithm>
#include <cstdint>

#include "framework/parallel.h"
#include "framework/tensor.h"

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

}  // namespace octet

#include "layers/scale_kernels.h"

#include <algorithm>

#include "framework/bfloat16.h"
#include "framework/parallel.h"

namespace octet::kernels {
namespace {

template <class T>
[[gnu::always_inline]] inline void scale_rows_by_column(const T* sums, const float* scale,
                                                        const float* bias, std::int64_t rows,
                                                        std::int64_t columns, float* out) {
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t k = 0; k < columns; ++k)
      out[r * columns + k] = scale[k] * static_cast<float>(sums[r * columns + k]) + bias[k];
}

OCTET_KERNEL void columns_kernel(const std::int32_t* sums, const float* scale, const float* bias,
                                 std::int64_t rows, std::int64_t columns, float* out) {
  scale_rows_by_column(sums, scale, bias, rows, columns, out);
}

OCTET_KERNEL void columns_kernel(const float* sums, const float* scale, const float* bias,
                                 std::int64_t rows, std::int64_t columns, float* out) {
  scale_rows_by_column(sums, scale, bias, rows, columns, out);
}

OCTET_KERNEL void row_kernel(const std::int32_t* sums, float scale, std::int64_t columns,
                             float* out) {
  for (std::int64_t i = 0; i < columns; ++i) out[i] = scale * static_cast<float>(sums[i]);
}

OCTET_KERNEL void row_kernel(const float* sums, float scale, std::int64_t columns, float* out) {
  for (std::int64_t i = 0; i < columns; ++i) out[i] = scale * sums[i];
}

OCTET_KERNEL void add_codes(const std::int8_t* codes, std::int64_t rows, std::int64_t columns,
                            std::int32_t* sums) {
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t k = 0; k < columns; ++k) sums[k] += codes[r * columns + k];
}

template <class T>
OCTET_KERNEL void add_reals(const T* x, std::int64_t rows, std::int64_t columns, double* sums) {
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t k = 0; k < columns; ++k)
      sums[k] += static_cast<double>(to_float(x[r * columns + k]));
}

float at(const std::vector<float>& scales, std::int64_t k) {
  return scales.size() > 1 ? scales[static_cast<std::size_t>(k)] : scales[0];
}

}  // namespace

void scale_columns(const Tensor& sums, const std::vector<float>& scales, const Tensor* bias,
                   Tensor& out) {
  if (&out != &sums) out.resize(sums.shape());
  const std::int64_t columns = sums.shape().back(), rows = sums.elements() / columns;
  std::vector<float> scale(static_cast<std::size_t>(columns)), shift(scale.size());
  for (std::int64_t k = 0; k < columns; ++k) {
    scale[static_cast<std::size_t>(k)] = at(scales, k);
    shift[static_cast<std::size_t>(k)] = bias ? bias->floats()[k] : 0.0f;
  }
  parallel_for(rows, std::max<std::int64_t>(1, (1 << 14) / columns),
               [&](std::int64_t begin, std::int64_t end) {
                 const std::int64_t first = begin * columns;
                 if (sums.element() == Element::int32) {
                   columns_kernel(sums.data<std::int32_t>() + first, scale.data(), shift.data(),
                                  end - begin, columns, out.floats() + first);
                 } else {
                   columns_kernel(sums.floats() + first, scale.data(), shift.data(), end - begin,
                                  columns, out.floats() + first);
                 }
               });
}

void scale_block(const std::int32_t* sums, std::int64_t rows, std::int64_t columns,
                 std::span<const float> scales, std::span<const float> offsets, float* out) {
  static thread_local std::vector<float> scale, shift;
  scale.resize(static_cast<std::size_t>(columns));
  shift.resize(scale.size());
  for (std::size_t k = 0; k < scale.size(); ++k) {
    scale[k] = scales.size() > 1 ? scales[k] : scales[0];
    shift[k] = offsets.empty() ? 0.0f : offsets[k];
  }
  columns_kernel(sums, scale.data(), shift.data(), rows, columns, out);
}

void scale_rows(const Tensor& sums, const std::vector<float>& scales, Tensor& out) {
  if (&out != &sums) out.resize(sums.shape());
  const std::int64_t rows = sums.shape()[0], columns = sums.elements() / rows;
  parallel_for(rows, std::max<std::int64_t>(1, (1 << 14) / columns),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t k = begin; k < end; ++k) {
                   float* const to = out.floats() + k * columns;
                   if (sums.element() == Element::int32) {
                     row_kernel(sums.data<std::int32_t>() + k * columns, at(scales, k), columns,
                                to);
                   } else {
                     row_kernel(sums.floats() + k * columns, at(scales, k), columns, to);
                   }
                 }
               });
}

void sum_rows(const Tensor& codes, std::int64_t columns, const std::vector<float>& scales,
              Tensor& out) {
  out.resize({columns});
  const std::int64_t rows = codes.elements() / columns;
  // Chunks fit int32 sums; their sums are integers in double, so that the order is of no account.
  const std::int64_t chunk = codes.element() == Element::int8 ? 1 << 20 : 1 << 10;
  const std::int64_t chunks = (rows + chunk - 1) / chunk;
  std::vector<double> parts(static_cast<std::size_t>(chunks * columns));
  parallel_for(chunks, 1, [&](std::int64_t first, std::int64_t last) {
    std::vector<std::int32_t> sums(static_cast<std::size_t>(columns));
    for (std::int64_t i = first; i < last; ++i) {
      const std::int64_t begin = i * chunk, size = std::min(rows, begin + chunk) - begin;
      double* const part = parts.data() + i * columns;
      if (codes.element() == Element::int8) {
        std::fill(sums.begin(), sums.end(), 0);
        add_codes(codes.data<std::int8_t>() + begin * columns, size, columns, sums.data());
        std::copy(sums.begin(), sums.end(), part);
      } else {
        with_reals(codes.element(), [&](auto element) {
          using T = decltype(element);
          add_reals(codes.data<T>() + begin * columns, size, columns, part);
        });
      }
    }
  });
  for (std::int64_t k = 0; k < columns; ++k) {
    double sum = 0;
    for (std::int64_t i = 0; i < chunks; ++i)
      sum += parts[static_cast<std::size_t>(i * columns + k)];
    out.floats()[k] = at(scales, k) * static_cast<float>(sum);
  }
}

}  // namespace octet::kernels

// From the sums of a product back to reals.
#pragma once

#include <span>

#include "framework/tensor.h"

namespace octet::kernels {

/// out[r, k] = scale[k] * sums[r, k] + bias[k]; sums are int32 or float32, one scale for all or one
/// a column, bias may be null. Sums and out may be the same float32 tensor.
void scale_columns(const Tensor& sums, const std::vector<float>& scales, const Tensor* bias,
                   Tensor& out);

/// The same for a block of int32 sums: scales one or one a column, offsets none or one a column.
void scale_block(const std::int32_t* sums, std::int64_t rows, std::int64_t columns,
                 std::span<const float> scales, std::span<const float> offsets, float* out);

/// out[k, i] = scale[k] * sums[k, i]; one scale for all or one a row.
void scale_rows(const Tensor& sums, const std::vector<float>& scales, Tensor& out);

/// out[k] = scale[k] * sum over r of codes[r, k]: exact for int8 codes, in a fixed order for
/// float32 and bfloat16. `columns` is the number of k.
void sum_rows(const Tensor& codes, std::int64_t columns, const std::vector<float>& scales,
              Tensor& out);

}  // namespace octet::kernels

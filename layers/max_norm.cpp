#include "layers/max_norm.h"

#include <cmath>

#include "framework/check.h"
#include "framework/parallel.h"

namespace octet {
namespace {

double length(const float* row, std::int64_t count) {
  double sum = 0;
  for (std::int64_t i = 0; i < count; ++i)
    sum += static_cast<double>(row[i]) * static_cast<double>(row[i]);
  return std::sqrt(sum);
}

}  // namespace

void MaxNorm::project_value(Parameter& parameter) {
  const std::int64_t rows = parameter.value.shape()[0], row = parameter.value.elements() / rows;
  parallel_for(rows, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t k = begin; k < end; ++k) {
      float* const w = parameter.value.floats() + k * row;
      const double size = length(w, row);
      if (size <= static_cast<double>(limit_)) continue;
      const auto factor = static_cast<float>(static_cast<double>(limit_) / size);
      for (std::int64_t i = 0; i < row; ++i) w[i] *= factor;
    }
  });
}

void MaxNorm::verify(const Parameter& parameter) const {
  // A constraint that comes after has the last word: a grid, whose rounding may lengthen.
  if (!parameter.constraints.empty() && parameter.constraints.back().get() != this) return;
  const std::int64_t rows = parameter.value.shape()[0], row = parameter.value.elements() / rows;
  for (std::int64_t k = 0; k < rows; ++k) {
    const double size = length(parameter.value.floats() + k * row, row);
    check(size <= 1.05 * static_cast<double>(limit_), Failure::failed, parameter.name, ": unit ", k,
          " has weights of length ", size, ", expected at most ", limit_);
  }
}

}  // namespace octet

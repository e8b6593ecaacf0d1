#include "quant/numbers/on_grid.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "framework/check.h"
#include "framework/parallel.h"

namespace octet {
namespace {

// The random numbers of stochastic rounding must differ from step to step and be the same again
// after a resume: the key comes from the values that are rounded.
Pass pass_of(const Tensor& value, Rounding rounding) {
  if (rounding == Rounding::nearest) return {.training = true};
  std::uint64_t hash = 0;
  for (std::int64_t i = 0; i < value.elements(); ++i) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, value.floats() + i, sizeof bits);
    hash = hash * 0x9e3779b97f4a7c15u + bits;
  }
  return {.training = true, .seed = hash};
}

}  // namespace

void OnGrid::project_value(Parameter& parameter) {
  const Format& format = quantizer_.format();
  float* const w = parameter.value.floats();
  if (format.clip > 0)
    parallel_for(parameter.value.elements(), 1 << 15, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        w[i] = w[i] > format.clip ? format.clip : w[i] < -format.clip ? -format.clip : w[i];
    });
  if (format.grid.is_float32()) return;
  Tensor result;
  quantizer_.quantize(parameter.value, pass_of(parameter.value, format.rounding), result);
  parameter.value = std::move(result);
}

void OnGrid::verify(const Parameter& parameter) const {
  Quantizer nearest = quantizer_;
  nearest.round_to_nearest();
  Tensor again;
  nearest.quantize(parameter.value, {}, again);
  const float clip = nearest.format().clip;
  const float* const w = parameter.value.floats();
  const bool within = clip == 0 || std::all_of(w, w + parameter.value.elements(),
                                               [&](float x) { return std::abs(x) <= clip; });
  check(within && std::memcmp(again.raw(), parameter.value.raw(), again.bytes()) == 0,
        Failure::failed, parameter.name, ": a value is not on the grid of ",
        print(quantizer_.format()));
}

}  // namespace octet

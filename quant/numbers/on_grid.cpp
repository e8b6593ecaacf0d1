#include "quant/numbers/on_grid.h"

#include <cstring>

#include "framework/check.h"
#include "quant/numbers/quantizer.h"

namespace octet {
namespace {

// The random numbers of stochastic rounding must differ from step to step and be the same again
// after a resume: the key comes from the values that are rounded.
Pass pass_of(const Tensor& value) {
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
  Tensor result;
  Quantizer(format_, parameter.name).quantize(parameter.value, pass_of(parameter.value), result);
  parameter.value = std::move(result);
}

void OnGrid::verify(const Parameter& parameter) const {
  Tensor again;
  Format nearest = format_;
  nearest.rounding = Rounding::nearest;
  Quantizer(nearest, parameter.name).quantize(parameter.value, {}, again);
  check(std::memcmp(again.raw(), parameter.value.raw(), again.bytes()) == 0, Failure::failed,
        parameter.name, ": a value is not on the grid of ", print(format_));
}

}  // namespace octet

#include "layers/learned_step.h"

#include <cmath>

#include "framework/parallel.h"

namespace octet {

LearnedStep::LearnedStep(Quantizer& quantizer, std::string name) : quantizer_(quantizer) {
  parameter_.name = std::move(name);
  parameter_.is_weight = false;
  for (Tensor* tensor : {&parameter_.value, &parameter_.gradient}) {
    tensor->resize({1});
    tensor->fill_zero();
  }
}

void LearnedStep::prepare() { quantizer_.range().floats()[0] = parameter_.value.floats()[0]; }

void LearnedStep::accept(const Pass& pass) {
  if (pass.training) parameter_.value.floats()[0] = quantizer_.range().floats()[0];
}

void LearnedStep::backward(const Tensor& reals, const Tensor& codes, Tensor& error) {
  const float scale = codes.scale();
  const Grid& grid = quantizer_.format().grid;
  const auto least = static_cast<float>(grid.least()), most = static_cast<float>(grid.most());
  const float* const v = reals.floats();
  float* const e = error.floats();
  const auto sum_of = [&](const auto* code) {
    return parallel_sum(error.elements(), 1 << 14, [&](std::int64_t begin, std::int64_t end) {
      double sum = 0;
      for (std::int64_t i = begin; i < end; ++i) {
        const float place = v[i] / scale;
        const bool inside = place >= least && place <= most;
        const float slope = static_cast<float>(code[i]) - (inside ? place : 0.0f);
        sum += static_cast<double>(e[i]) * static_cast<double>(slope);
        if (!inside) e[i] = 0;
      }
      return sum;
    });
  };
  double sum = 0;
  switch (codes.element()) {
    case Element::int8:
      sum = sum_of(codes.data<std::int8_t>());
      break;
    case Element::uint8:
      sum = sum_of(codes.data<std::uint8_t>());
      break;
    default:
      sum = sum_of(codes.floats());
  }
  const double g = 1 / std::sqrt(static_cast<double>(error.elements()) * static_cast<double>(most));
  parameter_.gradient.floats()[0] = static_cast<float>(g * sum);
}

}  // namespace octet

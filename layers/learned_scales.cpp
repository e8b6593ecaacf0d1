#include "layers/learned_scales.h"

#include <algorithm>
#include <cmath>

#include "framework/check.h"
#include "framework/parallel.h"

namespace octet {
namespace {

// A step that crosses zero would turn codes around. Zero itself says that there is none yet.
struct AboveZero final : Constraint {
  void project_value(Parameter& parameter) override {
    for (std::int64_t i = 0; i < parameter.value.elements(); ++i) {
      float& scale = parameter.value.floats()[i];
      if (scale != 0) scale = std::max(scale, least);
    }
  }
  void verify(const Parameter& parameter) const override {
    for (std::int64_t i = 0; i < parameter.value.elements(); ++i)
      check(parameter.value.floats()[i] == 0 || parameter.value.floats()[i] >= least,
            Failure::failed, parameter.name, ": expected at least ", least, ", got ",
            parameter.value.floats()[i]);
  }
  static constexpr float least = 1e-6f;
};

void copy_values(const Tensor& from, Tensor& to) {
  std::copy(from.floats(), from.floats() + from.elements(), to.floats());
}

}  // namespace

LearnedScales::LearnedScales(Quantizer& quantizer, std::string name) : quantizer_(quantizer) {
  parameter_.name = std::move(name);
  parameter_.is_weight = false;
  parameter_.constraints.push_back(std::make_shared<AboveZero>());
  for (Tensor* tensor : {&parameter_.value, &parameter_.gradient}) {
    tensor->resize(quantizer.range().shape());
    tensor->fill_zero();
  }
}

void LearnedScales::prepare() { copy_values(parameter_.value, quantizer_.range()); }

void LearnedScales::accept(const Pass& pass) {
  if (pass.training) copy_values(quantizer_.range(), parameter_.value);
}

void LearnedScales::backward(const Tensor& reals, const Tensor& codes, Tensor& error) {
  if (quantizer_.format().scaling.rule == Scaling::Rule::learned)
    backward_step(reals, codes, error);
  else
    backward_magnitudes(codes, error);
}

void LearnedScales::backward_magnitudes(const Tensor& codes, Tensor& error) {
  const float* const w = codes.floats();
  float* const e = error.floats();
  for (const int side : {0, 1}) {
    const float sign = side == 0 ? 1.0f : -1.0f;
    const double sum =
        parallel_sum(error.elements(), 1 << 14, [&](std::int64_t begin, std::int64_t end) {
          double part = 0;
          for (std::int64_t i = begin; i < end; ++i)
            if (sign * w[i] > 0) part += static_cast<double>(sign * e[i]);
          return part;
        });
    const float magnitude = parameter_.value.floats()[side];
    parameter_.gradient.floats()[side] = magnitude * magnitude * static_cast<float>(sum);
  }
  const float middle = (parameter_.value.floats()[0] + parameter_.value.floats()[1]) / 2;
  parallel_for(error.elements(), 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) e[i] *= w[i] != 0 ? std::abs(w[i]) : middle;
  });
}

void LearnedScales::backward_step(const Tensor& reals, const Tensor& codes, Tensor& error) {
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

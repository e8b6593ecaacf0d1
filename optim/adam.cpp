#include "optim/adam.h"

#include <cmath>

#include "framework/parallel.h"

namespace octet {
namespace {

struct Step {
  float rate, beta1, beta2, epsilon, decay, correction1, correction2;
};

OCTET_KERNEL void adam_kernel(float* w, float* m, float* v, const float* g, std::int64_t begin,
                              std::int64_t end, const Step& s) {
  for (std::int64_t i = begin; i < end; ++i) {
    const float gradient = g[i] + s.decay * w[i];
    m[i] = s.beta1 * m[i] + (1.0f - s.beta1) * gradient;
    v[i] = s.beta2 * v[i] + (1.0f - s.beta2) * (gradient * gradient);
    w[i] -= s.rate * (m[i] / s.correction1) / (std::sqrt(v[i] / s.correction2) + s.epsilon);
  }
}

}  // namespace

Adam::Adam(std::vector<Parameter*> parameters, const Options& options)
    : Optimizer(std::move(parameters)), options_(options), powers_(Shape{2}) {
  for (const Parameter* parameter : this->parameters()) {
    first_.emplace_back(parameter->value.shape()).fill_zero();
    second_.emplace_back(parameter->value.shape()).fill_zero();
  }
  powers_.floats()[0] = powers_.floats()[1] = 1.0f;
}

std::vector<std::pair<std::string, Tensor*>> Adam::state() {
  std::vector<std::pair<std::string, Tensor*>> all{{"powers", &powers_}};
  for (std::size_t i = 0; i < first_.size(); ++i) {
    all.emplace_back("first." + parameters()[i]->name, &first_[i]);
    all.emplace_back("second." + parameters()[i]->name, &second_[i]);
  }
  return all;
}

void Adam::begin_step() {
  powers_.floats()[0] *= options_.beta1;
  powers_.floats()[1] *= options_.beta2;
}

void Adam::update(Parameter& parameter, std::size_t index, float learning_rate) {
  const Step step{.rate = learning_rate,
                  .beta1 = options_.beta1,
                  .beta2 = options_.beta2,
                  .epsilon = options_.epsilon,
                  .decay = parameter.is_weight ? options_.weight_decay : 0.0f,
                  .correction1 = 1.0f - powers_.floats()[0],
                  .correction2 = 1.0f - powers_.floats()[1]};
  parallel_for(parameter.value.elements(), 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    adam_kernel(parameter.value.floats(), first_[index].floats(), second_[index].floats(),
                parameter.gradient.floats(), begin, end, step);
  });
}

}  // namespace octet

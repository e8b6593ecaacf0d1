#include "optim/sgd.h"

#include "framework/parallel.h"

namespace octet {
namespace {

OCTET_KERNEL void sgd_kernel(float* w, float* v, const float* g, std::int64_t begin,
                             std::int64_t end, float rate, float momentum, float decay) {
  for (std::int64_t i = begin; i < end; ++i) {
    v[i] = momentum * v[i] + (g[i] + decay * w[i]);
    w[i] -= rate * v[i];
  }
}

OCTET_KERNEL void nesterov_kernel(float* w, float* v, const float* g, std::int64_t begin,
                                  std::int64_t end, float rate, float momentum, float decay) {
  for (std::int64_t i = begin; i < end; ++i) {
    const float d = g[i] + decay * w[i];
    v[i] = momentum * v[i] + d;
    w[i] -= rate * (d + momentum * v[i]);
  }
}

}  // namespace

Sgd::Sgd(std::vector<Parameter*> parameters, const Options& options)
    : Optimizer(std::move(parameters)), options_(options) {
  for (const Parameter* parameter : this->parameters())
    momentum_.emplace_back(parameter->value.shape()).fill_zero();
}

std::vector<std::pair<std::string, Tensor*>> Sgd::state() {
  std::vector<std::pair<std::string, Tensor*>> all;
  for (std::size_t i = 0; i < momentum_.size(); ++i)
    all.emplace_back("momentum." + parameters()[i]->name, &momentum_[i]);
  return all;
}

void Sgd::update(Parameter& parameter, std::size_t index, float learning_rate) {
  const bool decays = parameter.is_weight || options_.decay_biases;
  const float decay = decays ? options_.weight_decay / parameter.rate : 0.0f;
  const auto kernel = options_.nesterov ? nesterov_kernel : sgd_kernel;
  parallel_for(parameter.value.elements(), 1 << 15, [&](std::int64_t begin, std::int64_t end) {
    kernel(parameter.value.floats(), momentum_[index].floats(), parameter.gradient.floats(), begin,
           end, learning_rate, options_.momentum, decay);
  });
}

}  // namespace octet

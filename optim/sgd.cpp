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
  parallel_for(parameter.value.elements(), 1 << 15, [&](std::int64_t begin, std::int64_t end) {
    sgd_kernel(parameter.value.floats(), momentum_[index].floats(), parameter.gradient.floats(),
               begin, end, learning_rate, options_.momentum,
               parameter.is_weight ? options_.weight_decay : 0.0f);
  });
}

}  // namespace octet

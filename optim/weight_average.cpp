#include "optim/weight_average.h"

#include <cassert>

#include "framework/parallel.h"

namespace octet {

WeightAverage::WeightAverage(std::vector<Parameter*> parameters)
    : parameters_(std::move(parameters)), count_(Shape{1}) {
  count_.fill_zero();
  for (const Parameter* parameter : parameters_)
    means_.emplace_back(parameter->value.shape()).fill_zero();
}

void WeightAverage::add() {
  count_.floats()[0] += 1;
  const float part = 1 / count_.floats()[0];
  for (std::size_t p = 0; p < means_.size(); ++p) {
    const float* const value = parameters_[p]->value.floats();
    float* const mean = means_[p].floats();
    parallel_for(means_[p].elements(), 1 << 15, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) mean[i] += part * (value[i] - mean[i]);
    });
  }
}

std::int64_t WeightAverage::count() const { return static_cast<std::int64_t>(count_.floats()[0]); }

void WeightAverage::store(Model& model) const {
  assert(count() > 0);
  for (std::size_t p = 0; p < means_.size(); ++p) model.tensors[parameters_[p]->name] = means_[p];
}

std::vector<std::pair<std::string, Tensor*>> WeightAverage::state() {
  std::vector<std::pair<std::string, Tensor*>> all{{"average.count", &count_}};
  for (std::size_t p = 0; p < means_.size(); ++p)
    all.emplace_back("average." + parameters_[p]->name, &means_[p]);
  return all;
}

}  // namespace octet

#include "quant/compression/surgery.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "framework/check.h"
#include "framework/parallel.h"
#include "quant/compression/pruning.h"

namespace octet {
namespace {

constexpr std::int64_t grain = 1 << 15;  // elements worth a thread
constexpr double memory = 0.998;         // of the squares' average, a step
constexpr double share_of_mean = 0.02;
// What lies behind a zero fades, a step, so that what brings it back are gradients of late: all of
// them since it was pruned would throw many weights about at once.
constexpr float fading = 0.99f;

void remove_surgery(Parameter& parameter) {
  std::erase_if(parameter.constraints, [](const auto& constraint) {
    return std::dynamic_pointer_cast<Surgery>(constraint) != nullptr;
  });
}

}  // namespace

Surgery::Surgery(const Parameter& parameter)
    : weights_(parameter.value.floats(), parameter.value.floats() + parameter.value.elements()),
      squares_(weights_.size()),
      alive_(weights_.size()) {
  std::transform(weights_.begin(), weights_.end(), alive_.begin(),
                 [](float weight) { return static_cast<std::uint8_t>(weight != 0.0f); });
}

void Surgery::project_gradient(Parameter& parameter) {
  const double before = memory * seen_;
  seen_ = before + 1;
  const auto old_share = static_cast<float>(before / seen_), new_share = 1 - old_share;
  const float* const gradient = parameter.gradient.floats();
  float* const value = parameter.value.floats();
  parallel_for(parameter.value.elements(), grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto at = static_cast<std::size_t>(i);
      squares_[at] = old_share * squares_[at] + new_share * gradient[i] * gradient[i];
      value[i] = weights_[at];
    }
  });
}

void Surgery::project_value(Parameter& parameter) {
  float* const value = parameter.value.floats();
  parallel_for(parameter.value.elements(), grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto at = static_cast<std::size_t>(i);
      weights_[at] = alive_[at] ? value[i] : fading * value[i];
      value[i] = alive_[at] ? value[i] : 0.0f;
    }
  });
}

void Surgery::verify(const Parameter& parameter) const {
  const float* const value = parameter.value.floats();
  for (std::size_t i = 0; i < alive_.size(); ++i) {
    const float expected = alive_[i] ? weights_[i] : 0.0f;
    check(value[i] == expected, Failure::failed, parameter.name, ": expected ", expected,
          " at element ", i, ", got ", value[i]);
  }
}

std::vector<float> Surgery::saliencies() const {
  const double sum = std::accumulate(squares_.begin(), squares_.end(), 0.0);
  const auto count = std::max<double>(1, static_cast<double>(squares_.size()));
  const auto floor = static_cast<float>(share_of_mean * sum / count);
  std::vector<float> result(squares_.size());
  for (std::size_t i = 0; i < result.size(); ++i)
    result[i] = (squares_[i] + floor) * weights_[i] * weights_[i];
  return result;
}

void Surgery::keep_above(float threshold, const std::vector<float>& saliencies,
                         Parameter& parameter) {
  float* const value = parameter.value.floats();
  for (std::size_t i = 0; i < alive_.size(); ++i) {
    alive_[i] = saliencies[i] > threshold;
    value[i] = alive_[i] ? weights_[i] : 0.0f;
  }
}

std::vector<std::shared_ptr<Surgery>> begin_surgery(const std::vector<Parameter*>& parameters) {
  std::vector<std::shared_ptr<Surgery>> surgeries;
  for (Parameter* parameter : parameters) {
    std::erase_if(parameter->constraints, [](const auto& constraint) {
      return std::dynamic_pointer_cast<Mask>(constraint) != nullptr;
    });
    surgeries.push_back(std::make_shared<Surgery>(*parameter));
    parameter->constraints.push_back(surgeries.back());
  }
  return surgeries;
}

void keep_most_salient(const std::vector<Parameter*>& parameters,
                       const std::vector<std::shared_ptr<Surgery>>& surgeries, std::int64_t count) {
  std::vector<std::vector<float>> saliencies;
  std::vector<float> all;
  for (const auto& surgery : surgeries) {
    saliencies.push_back(surgery->saliencies());
    all.insert(all.end(), saliencies.back().begin(), saliencies.back().end());
  }
  float threshold = -1;
  if (count < static_cast<std::int64_t>(all.size())) {
    const auto last = all.begin() + static_cast<std::ptrdiff_t>(std::max<std::int64_t>(count, 0));
    std::nth_element(all.begin(), last, all.end(), std::greater<>());
    threshold = *last;
  }
  for (std::size_t i = 0; i < surgeries.size(); ++i)
    surgeries[i]->keep_above(threshold, saliencies[i], *parameters[i]);
}

void end_surgery(const std::vector<Parameter*>& parameters) {
  for (Parameter* parameter : parameters) {
    remove_surgery(*parameter);
    install_mask_from_zeros(*parameter);
  }
}

}  // namespace octet

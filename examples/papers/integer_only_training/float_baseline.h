// The float counterpart of an integer network: the same layers in this framework's `float32`, by
// stochastic gradient descent with momentum under cross-entropy.
#pragma once

#include <string>

#include "examples/papers/common/experiment.h"

namespace octet::papers {

struct FloatBaseline {
  std::string name;    ///< of the network
  std::string layers;  ///< lines of a definition
  Training training;
};

/// Trains it and prints its validation error. The test pictures are left alone.
Network train_baseline(const FloatBaseline& baseline, const Task& task, std::uint64_t seed);

}  // namespace octet::papers

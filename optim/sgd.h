// Stochastic gradient descent with momentum and L2 weight decay (weights only, not biases):
//   v = momentum * v + gradient + decay * w;   w = w - rate * v
#pragma once

#include "framework/optimizer.h"

namespace octet {

class Sgd : public Optimizer {
 public:
  struct Options {
    float momentum = 0.9f;
    float weight_decay = 0.0f;
  };
  Sgd(std::vector<Parameter*> parameters, const Options& options);
  std::vector<std::pair<std::string, Tensor*>> state() override;

 protected:
  void update(Parameter& parameter, std::size_t index, float learning_rate) override;

 private:
  Options options_;
  std::vector<Tensor> momentum_;
};

}  // namespace octet

// Stochastic gradient descent with momentum and L2 weight decay:
//   d = gradient + decay * w;   v = momentum * v + d;   w = w - rate * v
// or, by Nesterov (Sutskever 2013), w = w - rate * (d + momentum * v). Where a parameter has a rate
// of its own, decay is divided by it: what decays is the same (decoupled, Loshchilov 2019).
#pragma once

#include "framework/optimizer.h"

namespace octet {

class Sgd : public Optimizer {
 public:
  struct Options {
    float momentum = 0.9f;
    float weight_decay = 0.0f;
    bool nesterov = false;
    bool decay_biases = false;  ///< and the parameters of batch norms; else weights alone
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

// Adam (Kingma, Ba 2015) with L2 weight decay in the gradient (weights only):
//   m = b1 m + (1 - b1) g;   v = b2 v + (1 - b2) g^2;   w = w - rate * m^ / (sqrt(v^) + epsilon)
#pragma once

#include "framework/optimizer.h"

namespace octet {

class Adam : public Optimizer {
 public:
  struct Options {
    float beta1 = 0.9f;
    float beta2 = 0.999f;
    float epsilon = 1e-8f;
    float weight_decay = 0.0f;
  };
  Adam(std::vector<Parameter*> parameters, const Options& options);
  std::vector<std::pair<std::string, Tensor*>> state() override;

 protected:
  void begin_step() override;
  void update(Parameter& parameter, std::size_t index, float learning_rate) override;

 private:
  Options options_;
  std::vector<Tensor> first_, second_;
  Tensor powers_;  // beta1^t, beta2^t
};

}  // namespace octet

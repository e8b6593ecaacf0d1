// Slow weights behind the fast ones (Zhang 2019, Lookahead), whose share in each other changes over the
// run (Jordan 2024): after every `every` steps
//   slow = d slow + (1 - d) fast,   fast = slow,      d = decay^every * (step / steps)^3
// In the end the slow weights are the trained ones.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "framework/tensor.h"

namespace octet {

class Lookahead {
 public:
  struct Options {
    std::int64_t every = 5;
    double decay = 0.95;
  };
  using Values = std::vector<std::pair<std::string, Tensor*>>;

  /// Of those float32 values: parameters, and what batch norms remember. They must outlive this.
  Lookahead(Values fast, const Options& options);

  /// After step number `step` (1, 2, ...) of a run of `steps`.
  void after_step(std::int64_t step, std::int64_t steps);
  /// After the last step: the values become the slow ones.
  void finish();

  /// What must be kept to go on, by name ("lookahead.conv1.weight").
  Values state();

 private:
  void mix(float share_of_slow);

  Values fast_;
  Options options_;
  std::vector<Tensor> slow_;
};

}  // namespace octet

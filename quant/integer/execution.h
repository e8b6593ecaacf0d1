// How an IntegerNetwork runs fast: products by the kernels of framework/code_products.h, their sums
// made codes while they are in the cache.
#pragma once

#include "quant/integer/integer_network.h"

namespace octet {

class IntegerExecution {
 public:
  explicit IntegerExecution(const IntegerNetwork& network);
  const Tensor& run(const Tensor& codes);
  Tensor run_watched(const Tensor& codes, const IntegerNetwork::Watch& watch);

 private:
  void run_stage(std::size_t stage, const Tensor& codes);
  const Tensor& value(std::size_t edge, const Tensor& codes) const {
    return edge == 0 ? codes : values_[edge];
  }
  const std::vector<Edge>& edges_;
  const std::vector<Stage>& stages_;
  RequantRounding rounding_;
  std::vector<Requantizer> requantizers_;  // of products; the others have an idle one
  std::vector<Tensor> values_;             // of each edge
};

}  // namespace octet

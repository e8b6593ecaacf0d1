// What training makes small: a function of scores and labels, with its derivative.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "framework/tensor.h"

namespace octet {

class Loss {
 public:
  virtual ~Loss() = default;
  virtual std::string_view name() const = 0;
  /// Scores N x ... with as many elements an image as there are classes, labels 0 .. classes - 1.
  /// Returns the mean loss over the N images; with `error`, also sets dLoss/dScores (float32).
  virtual double evaluate(const Tensor& scores, const std::vector<std::int32_t>& labels,
                          Tensor* error) const = 0;
};

}  // namespace octet

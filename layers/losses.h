// The kinds of loss.
#pragma once

#include <memory>

#include "framework/loss.h"

namespace octet {

/// -sum of target * log softmax(scores): the target is 1 for the label, or with `smoothing` s
/// 1 - s + s / classes for it and s / classes for the others (Szegedy 2016).
class SoftmaxCrossEntropy : public Loss {
 public:
  explicit SoftmaxCrossEntropy(double smoothing = 0) : smoothing_(smoothing) {}
  std::string_view name() const override { return "cross-entropy"; }
  double evaluate(const Tensor& scores, const std::vector<std::int32_t>& labels,
                  Tensor* error) const override;

 private:
  double smoothing_;
};

/// 1/2 sum of (score - target)^2 with target 1 for the label, 0 elsewhere.
class SumOfSquares : public Loss {
 public:
  std::string_view name() const override { return "sum-of-squares"; }
  double evaluate(const Tensor& scores, const std::vector<std::int32_t>& labels,
                  Tensor* error) const override;
};

/// Mean over the classes of max(0, 1 - target * score)^2 with target 1 for the label, -1 elsewhere:
/// an L2-SVM, as BinaryConnect has it (Courbariaux 2015).
class SquaredHinge : public Loss {
 public:
  std::string_view name() const override { return "squared-hinge"; }
  double evaluate(const Tensor& scores, const std::vector<std::int32_t>& labels,
                  Tensor* error) const override;
};

/// "cross-entropy", "sum-of-squares" or "squared-hinge"; throws Error(usage) otherwise.
/// `smoothing`: of cross-entropy.
std::unique_ptr<Loss> make_loss(std::string_view name, double smoothing = 0);

/// Scores of one image -> probabilities, in place.
void softmax(float* scores, std::int64_t classes);

}  // namespace octet

#include "layers/losses.h"

#include <algorithm>
#include <cmath>

#include "framework/check.h"
#include "framework/exponential.h"

namespace octet {
namespace {

void check_labels(const std::vector<std::int32_t>& labels, std::int64_t classes) {
  for (const std::int32_t label : labels)
    check(label >= 0 && label < classes, Failure::usage, "the network gives ", classes,
          " scores, the data has a label ", label);
}

}  // namespace

void softmax(float* scores, std::int64_t classes) {
  const float most = *std::max_element(scores, scores + classes);
  double sum = 0;
  for (std::int64_t k = 0; k < classes; ++k) {
    scores[k] = exponential(scores[k] - most);
    sum += static_cast<double>(scores[k]);
  }
  for (std::int64_t k = 0; k < classes; ++k)
    scores[k] = static_cast<float>(static_cast<double>(scores[k]) / sum);
}

double SoftmaxCrossEntropy::evaluate(const Tensor& scores, const std::vector<std::int32_t>& labels,
                                     Tensor* error) const {
  const std::int64_t n = scores.shape()[0], classes = scores.elements() / n;
  check_labels(labels, classes);
  if (error) error->resize(scores.shape());
  std::vector<float> row(static_cast<std::size_t>(classes));
  const float share = 1.0f / static_cast<float>(n);
  double loss = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto label = static_cast<std::size_t>(labels[static_cast<std::size_t>(i)]);
    std::copy_n(scores.floats() + i * classes, classes, row.begin());
    softmax(row.data(), classes);
    const auto lost = [&](std::size_t k) {
      return -std::log(std::max(static_cast<double>(row[k]), 1e-38));
    };
    loss += (1 - smoothing_) * lost(label);
    if (smoothing_ > 0)
      for (std::size_t k = 0; k < row.size(); ++k)
        loss += smoothing_ / static_cast<double>(classes) * lost(k);
    if (std::isnan(row[label])) loss = row[label];
    if (!error) continue;
    row[label] -= static_cast<float>(1 - smoothing_);
    if (smoothing_ > 0)
      for (float& share_of : row)
        share_of -= static_cast<float>(smoothing_ / static_cast<double>(classes));
    for (std::int64_t k = 0; k < classes; ++k)
      error->floats()[i * classes + k] = share * row[static_cast<std::size_t>(k)];
  }
  return loss / static_cast<double>(n);
}

double SumOfSquares::evaluate(const Tensor& scores, const std::vector<std::int32_t>& labels,
                              Tensor* error) const {
  const std::int64_t n = scores.shape()[0], classes = scores.elements() / n;
  check_labels(labels, classes);
  if (error) error->resize(scores.shape());
  const float share = 1.0f / static_cast<float>(n);
  double loss = 0;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t k = 0; k < classes; ++k) {
      const float target = labels[static_cast<std::size_t>(i)] == k ? 1.0f : 0.0f;
      const float off = scores.floats()[i * classes + k] - target;
      loss += 0.5 * static_cast<double>(off) * static_cast<double>(off);
      if (error) error->floats()[i * classes + k] = share * off;
    }
  return loss / static_cast<double>(n);
}

double SquaredHinge::evaluate(const Tensor& scores, const std::vector<std::int32_t>& labels,
                              Tensor* error) const {
  const std::int64_t n = scores.shape()[0], classes = scores.elements() / n;
  check_labels(labels, classes);
  if (error) error->resize(scores.shape());
  const float share = 1.0f / static_cast<float>(scores.elements());
  double loss = 0;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t k = 0; k < classes; ++k) {
      const float target = labels[static_cast<std::size_t>(i)] == k ? 1.0f : -1.0f;
      const float lacking = 1.0f - target * scores.floats()[i * classes + k];
      const float hinge = lacking <= 0 ? 0.0f : lacking;  // a NaN stays one
      loss += static_cast<double>(hinge) * static_cast<double>(hinge);
      if (error) error->floats()[i * classes + k] = -2 * share * target * hinge;
    }
  return loss / static_cast<double>(scores.elements());
}

std::unique_ptr<Loss> make_loss(std::string_view name, double smoothing) {
  check(smoothing == 0 || name == "cross-entropy", Failure::usage,
        "label smoothing is for cross-entropy, not for ", name);
  if (name == "cross-entropy") return std::make_unique<SoftmaxCrossEntropy>(smoothing);
  if (name == "sum-of-squares") return std::make_unique<SumOfSquares>();
  if (name == "squared-hinge") return std::make_unique<SquaredHinge>();
  fail(Failure::usage, "unknown loss '", name,
       "', expected cross-entropy, sum-of-squares or squared-hinge");
}

}  // namespace octet

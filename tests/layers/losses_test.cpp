#include "layers/losses.h"

#include <cmath>

#include "framework/check.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

namespace {

void check_error(const Loss& loss) {
  const std::vector<std::int32_t> labels{3, 0, 9, 3};
  Tensor scores = random_tensor({4, 1, 1, 10}, 1, -2, 2), error;
  loss.evaluate(scores, labels, &error);
  for (std::int64_t i = 0; i < scores.elements(); ++i) {
    const float old = scores.floats()[i];
    scores.floats()[i] = old + 0.01f;
    const double up = loss.evaluate(scores, labels, nullptr);
    scores.floats()[i] = old - 0.01f;
    const double down = loss.evaluate(scores, labels, nullptr);
    scores.floats()[i] = old;
    CHECK(std::abs((up - down) / 0.02 - static_cast<double>(error.floats()[i])) < 2e-4);
  }
}

}  // namespace

TEST_CASE("losses: the error is the derivative of the loss") {
  for (const char* name : {"cross-entropy", "sum-of-squares", "squared-hinge"}) {
    const auto loss = make_loss(name);
    CHECK(loss->name() == name);
    check_error(*loss);
  }
  check_error(SoftmaxCrossEntropy(0.2));
  CHECK_THROWS_AS(make_loss("hinge"), Error);
  CHECK_THROWS_AS(make_loss("sum-of-squares", 0.1), Error);
}

TEST_CASE("losses: a label without a score is refused, NaN is seen") {
  Tensor scores = random_tensor({1, 1, 1, 3}, 1);
  CHECK_THROWS_AS(SoftmaxCrossEntropy().evaluate(scores, {3}, nullptr), Error);
  scores.floats()[1] = std::nanf("");
  CHECK(std::isnan(SoftmaxCrossEntropy().evaluate(scores, {0}, nullptr)));
  CHECK(std::isnan(SquaredHinge().evaluate(scores, {0}, nullptr)));
}

#include "layers/batch_norm.h"

#include <cmath>

#include "framework/parallel.h"
#include "tests/gradient_check.h"

using namespace octet;
using namespace octet::test;

namespace {

std::unique_ptr<BatchNorm> make(const Shape& shape, const BatchNorm::Options& options = {}) {
  auto layer = std::make_unique<BatchNorm>(options);
  layer->set_name("bn1");
  CHECK(layer->connect(shape) == shape);
  layer->allocate();
  layer->initialize(1);
  return layer;
}

// gamma and beta other than 1 and 0.
void disturb(BatchNorm& layer) {
  for (Parameter* parameter : layer.parameters()) {
    const Tensor noise = random_tensor(parameter->value.shape(), 11, 0.5f, 1.5f);
    parameter->value = noise;
  }
}

struct Moments {
  double mean = 0, variance = 0;
};

Moments moments(const Tensor& x, std::int64_t channel) {
  const std::int64_t channels = x.shape().back(), rows = x.elements() / channels;
  Moments m;
  for (std::int64_t r = 0; r < rows; ++r)
    m.mean += static_cast<double>(x.floats()[r * channels + channel]);
  m.mean /= static_cast<double>(rows);
  for (std::int64_t r = 0; r < rows; ++r) {
    const double z = static_cast<double>(x.floats()[r * channels + channel]) - m.mean;
    m.variance += z * z;
  }
  m.variance /= static_cast<double>(rows);
  return m;
}

}  // namespace

TEST_CASE("batch norm: backward is the derivative of forward") {
  for (const Shape& shape : {Shape{5, 6, 3}, Shape{1, 1, 9}, Shape{2, 2, 200}, Shape{3, 3, 64}}) {
    CAPTURE(print(shape));
    const auto layer = make(shape);
    disturb(*layer);
    check_gradients(*layer, random_tensor(shape.with_front(8), 2, -2, 3), {.training = true});
  }
}

TEST_CASE("batch norm: training gives each channel the mean beta and the deviation gamma") {
  // Many rows, so that there are several chunks, and rows left over from groups.
  for (const Shape& shape : {Shape{37, 41, 3}, Shape{19, 17, 16}, Shape{7, 5, 300}}) {
    const auto layer = make(shape);
    disturb(*layer);
    const Tensor x = random_tensor(shape.with_front(11), 3, 99, 101);
    const Tensor& y = layer->forward(x, {.training = true});
    for (std::int64_t k = 0; k < shape[2]; ++k) {
      const Moments m = moments(y, k);
      CHECK(m.mean == doctest::Approx(layer->parameters()[1]->value.floats()[k]).epsilon(1e-4));
      CHECK(std::sqrt(m.variance) ==
            doctest::Approx(layer->parameters()[0]->value.floats()[k]).epsilon(1e-4));
    }
  }
}

TEST_CASE("batch norm: running statistics, and evaluation by them") {
  const auto layer = make({3, 4, 5}, {.momentum = 0.25, .epsilon = 0.01});
  disturb(*layer);
  const auto state = layer->state();
  CHECK(state[0].first == "bn1.running_mean");
  CHECK(state[1].first == "bn1.running_variance");
  double mean[5] = {}, variance[5] = {1, 1, 1, 1, 1};
  for (std::uint64_t step = 0; step < 4; ++step) {
    const Tensor x = random_tensor({6, 3, 4, 5}, step, -1, 4);
    layer->forward(x, {.training = true, .step = step});
    for (std::int64_t k = 0; k < 5; ++k) {
      const Moments m = moments(x, k);
      mean[k] = 0.75 * mean[k] + 0.25 * m.mean;
      variance[k] = 0.75 * variance[k] + 0.25 * m.variance * 72 / 71;
      CHECK(state[0].second->floats()[k] == doctest::Approx(mean[k]).epsilon(1e-5));
      CHECK(state[1].second->floats()[k] == doctest::Approx(variance[k]).epsilon(1e-5));
    }
  }
  const Tensor before = *state[0].second, x = random_tensor({2, 3, 4, 5}, 9);
  const Tensor& y = layer->forward(x, {});
  CHECK(same_bits(*state[0].second, before));
  for (std::int64_t i = 0; i < x.elements(); ++i) {
    const std::int64_t k = i % 5;
    const double expected = static_cast<double>(layer->parameters()[0]->value.floats()[k]) *
                                (static_cast<double>(x.floats()[i]) - mean[k]) /
                                std::sqrt(variance[k] + 0.01) +
                            static_cast<double>(layer->parameters()[1]->value.floats()[k]);
    CHECK(static_cast<double>(y.floats()[i]) == doctest::Approx(expected).epsilon(1e-4));
  }
}

TEST_CASE("batch norm: threads change no bit") {
  const Shape shape{23, 29, 10};
  const Tensor x = random_tensor(shape.with_front(9), 3), e = random_tensor(x.shape(), 4);
  const int before = threads();
  std::vector<Tensor> results[2];
  for (const int count : {1, 3}) {
    set_threads(count);
    const auto layer = make(shape);
    disturb(*layer);
    auto& all = results[count / 2];
    all.push_back(layer->forward(x, {.training = true}));
    all.push_back(layer->backward(e, {.training = true}));
    for (const Parameter* parameter : layer->parameters()) all.push_back(parameter->gradient);
    for (const auto& [name, tensor] : layer->state()) all.push_back(*tensor);
    all.push_back(layer->forward(x, {}));
  }
  set_threads(before);
  for (std::size_t i = 0; i < results[0].size(); ++i)
    CHECK(same_bits(results[0][i], results[1][i]));
}

TEST_CASE("batch norm: one row, a constant channel and NaN") {
  const auto layer = make({1, 1, 2});
  Tensor x({1, 1, 1, 2});
  x.floats()[0] = 5;
  x.floats()[1] = std::nanf("");
  const Tensor& y = layer->forward(x, {.training = true});
  CHECK(y.floats()[0] == 0);
  CHECK(std::isnan(y.floats()[1]));
}

TEST_CASE("batch norm: the definition makes the same layer") {
  for (const BatchNorm::Options& options :
       {BatchNorm::Options{}, BatchNorm::Options{.momentum = 0.01, .epsilon = 1e-3},
        BatchNorm::Options{.momentum = 1.0 / 3, .epsilon = 1e-7}}) {
    const Spec spec = BatchNorm(options).spec();
    SpecReader reader(spec);
    CHECK(BatchNorm::from(reader)->spec() == spec);
    CHECK_NOTHROW(reader.finish());
  }
}

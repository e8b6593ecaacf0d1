// Layers on bfloat16: what a layer computes of bfloat16 values is what it computes of the same
// values in float32, rounded.
#include "framework/bfloat16.h"

#include <cmath>

#include "framework/products.h"
#include "layers/activations.h"
#include "layers/average_pool.h"
#include "layers/batch_norm.h"
#include "layers/build.h"
#include "layers/dropout.h"
#include "layers/global_average_pool.h"
#include "layers/losses.h"
#include "layers/max_pool.h"
#include "layers/real_kernels.h"
#include "layers/weighted_layer.h"
#include "optim/sgd.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

namespace {

Tensor as(Element element, const Tensor& tensor) {
  Tensor result;
  convert(tensor, element, result);
  return result;
}

Tensor random_bfloat16(const Shape& shape, std::uint64_t key) {
  return as(Element::bfloat16, random_tensor(shape, key));
}

// Two layers of one kind: one sees bfloat16, the other the same numbers in float32.
void check_rounded(Layer& low, Layer& high, const Shape& input) {
  const Tensor x = random_bfloat16(input, 1), wide = as(Element::float32, x);
  for (Layer* layer : {&low, &high}) {
    layer->set_name("layer");
    layer->connect(input.without_front());
    layer->allocate();
    layer->initialize(3);
  }
  for (const bool training : {false, true}) {
    const Pass pass{.training = training, .seed = 5, .step = 2};
    const Tensor y = low.forward(x, pass);
    CHECK(y.element() == Element::bfloat16);
    CHECK(same_bits(y, as(Element::bfloat16, high.forward(wide, pass))));
    if (!training) continue;
    const Tensor e = random_bfloat16(y.shape(), 2);
    const Tensor passed = low.backward(e, pass);
    CHECK(same_bits(passed, as(Element::bfloat16, high.backward(as(Element::float32, e), pass))));
    for (std::size_t i = 0; i < low.parameters().size(); ++i)
      CHECK(same_bits(low.parameters()[i]->gradient, high.parameters()[i]->gradient));
  }
}

template <class Kind, class... Options>
void check_kind(const Shape& input, const Options&... options) {
  Kind low(options...), high(options...);
  check_rounded(low, high, input);
}

Definition small_network() {
  return parse_definition(R"(network name=small input=12x12x3
convolution channels=16 kernel=3 padding=1
relu
max_pool window=2
residual
convolution channels=16 kernel=3 padding=1
batch_norm
relu
convolution channels=16 kernel=3 padding=1
batch_norm
end
relu
residual
convolution channels=24 kernel=3 padding=1 stride=2
batch_norm
shortcut
convolution channels=24 kernel=1 stride=2
end
relu
global_average_pool
linear units=20
relu
linear units=5
)",
                          "small", 5);
}

struct Trained {
  std::vector<double> losses;
  std::vector<Tensor> first_gradients, weights;
};

Trained train(const char* precision, int steps) {
  Network network = build_network(small_network());
  set_precision(network, parse_precision(precision));
  network.initialize(1);
  Sgd sgd(network.parameters(), Sgd::Options{.momentum = 0.9f});
  const auto loss = make_loss("cross-entropy");
  const Tensor images = random_tensor({20, 12, 12, 3}, 8, -2, 2);
  std::vector<std::int32_t> labels;
  for (int i = 0; i < 20; ++i) labels.push_back(i % 5);
  Trained trained;
  Tensor error;
  for (int step = 0; step < steps; ++step) {
    const Pass pass{.training = true, .seed = 1, .step = static_cast<std::uint64_t>(step)};
    const Tensor& scores = network.forward(images, pass);
    REQUIRE(scores.element() == Element::float32);
    trained.losses.push_back(loss->evaluate(scores, labels, &error));
    network.backward(error, pass);
    if (step == 0)
      for (const Parameter* parameter : network.parameters())
        trained.first_gradients.push_back(parameter->gradient);
    sgd.step(0.02f);
  }
  for (const Parameter* parameter : network.parameters())
    trained.weights.push_back(parameter->value);
  return trained;
}

double cosine(const Tensor& a, const Tensor& b) {
  double dot = 0, aa = 0, bb = 0;
  for (std::int64_t i = 0; i < a.elements(); ++i) {
    const auto x = static_cast<double>(a.floats()[i]), y = static_cast<double>(b.floats()[i]);
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  return dot / std::sqrt(aa * bb + 1e-300);
}

}  // namespace

TEST_CASE("bfloat16: every layer without weights rounds what it computes in float32") {
  check_kind<Relu>({3, 5, 7, 9});
  check_kind<Dropout>({3, 5, 7, 9}, Dropout::Options{.rate = 0.3f});
  check_kind<BatchNorm>({6, 5, 7, 9}, BatchNorm::Options{});
  check_kind<GlobalAveragePool>({3, 5, 7, 9});
  for (const Pooling::Options options : {Pooling::Options{2, 2}, Pooling::Options{3, 2},
                                         Pooling::Options{2, 3}, Pooling::Options{5, 1}}) {
    check_kind<MaxPool>({3, 8, 9, 19}, options);
    check_kind<AveragePool>({3, 8, 9, 19}, options);
  }
  check_kind<MaxPool>({2, 18, 17, 3}, Pooling::Options{17, 1});  // places beyond a byte
}

TEST_CASE("bfloat16: additions, ReLU and mask round once") {
  const Tensor x = random_bfloat16({2, 5, 5, 7}, 1), other = random_bfloat16({2, 5, 5, 7}, 2),
               outputs = random_bfloat16({2, 5, 5, 7}, 3);
  const Tensor wide = as(Element::float32, x), wide_other = as(Element::float32, other),
               wide_outputs = as(Element::float32, outputs);
  Tensor low, high;
  for (const bool rectify : {false, true}) {
    kernels::finish_outputs(x, &other, rectify, low);
    kernels::finish_outputs(wide, &wide_other, rectify, high);
    CHECK(same_bits(low, as(Element::bfloat16, high)));
  }
  for (const bool masks : {false, true}) {
    kernels::finish_errors(x, &other, masks ? &outputs : nullptr, low);
    kernels::finish_errors(wide, &wide_other, masks ? &wide_outputs : nullptr, high);
    CHECK(same_bits(low, as(Element::bfloat16, high)));
  }
  for (std::int64_t i = 0; i < high.elements(); ++i)
    if (wide_outputs.floats()[i] <= 0) REQUIRE(high.floats()[i] == 0.0f);
}

TEST_CASE("bfloat16: the first gradients point where float32's do, and the loss falls alike") {
  const Trained high = train("float32", 30);
  const bool allowed = products::allow_bfloat16(true);
  for (const bool instructions : {true, false}) {
    products::allow_bfloat16(instructions);
    CAPTURE(instructions);
    const Trained low = train("bfloat16", 30);
    for (std::size_t i = 0; i < high.first_gradients.size(); ++i) {
      CAPTURE(i);
      const Tensor &a = high.first_gradients[i], &b = low.first_gradients[i];
      double size = 0;
      for (std::int64_t k = 0; k < a.elements(); ++k)
        size = std::max(size, std::abs(static_cast<double>(a.floats()[k])));
      // The bias before a batch norm has no gradient but rounding.
      if (size > 1e-5) CHECK(cosine(a, b) > 0.98);
    }
    CHECK(low.losses.back() < 0.3 * low.losses.front());
    CHECK(std::abs(low.losses.back() - high.losses.back()) < 0.1);
  }
  products::allow_bfloat16(allowed);
}

TEST_CASE("bfloat16: the same run gives the same bits") {
  const Trained one = train("bfloat16", 5), other = train("bfloat16", 5);
  for (std::size_t i = 0; i < one.weights.size(); ++i)
    CHECK(same_bits(one.weights[i], other.weights[i]));
}

TEST_CASE("bfloat16: a ReLU done where values are made changes no bit of float32") {
  const auto run = [](bool planned) {
    Network network = build_network(small_network());
    if (planned) set_precision(network, {});
    network.initialize(1);
    const Tensor images = random_tensor({8, 12, 12, 3}, 8, -2, 2);
    const Pass pass{.training = true, .seed = 1};
    std::vector<Tensor> results{network.forward(images, pass)};
    network.backward(random_tensor(results[0].shape(), 9), pass);
    for (const Parameter* parameter : network.parameters()) results.push_back(parameter->gradient);
    return results;
  };
  const std::vector<Tensor> apart = run(false), fused = run(true);
  for (std::size_t i = 0; i < apart.size(); ++i) {
    CAPTURE(i);
    CHECK(relative_difference(fused[i], apart[i]) == 0.0);
  }
}

TEST_CASE("bfloat16: networks that begin or end with a block keep float32 between layers") {
  Network network = build_network(parse_definition(R"(network name=blocks input=6x6x4
residual
convolution channels=4 kernel=3 padding=1
end
relu
residual
convolution channels=4 kernel=3 padding=1
relu
convolution channels=4 kernel=3 padding=1
end
global_average_pool
)",
                                                   "blocks", 4));
  set_precision(network, parse_precision("bfloat16"));
  network.initialize(1);
  const Pass pass{.training = true};
  const Tensor y = network.forward(random_tensor({3, 6, 6, 4}, 1), pass);
  CHECK(y.element() == Element::float32);
  network.backward(random_tensor(y.shape(), 2), pass);
}

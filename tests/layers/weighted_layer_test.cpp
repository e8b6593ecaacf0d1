#include "layers/weighted_layer.h"

#include <cmath>

#include "framework/code_paths.h"
#include "framework/products.h"
#include "layers/convolution.h"
#include "layers/linear.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

namespace {

struct Result {
  Tensor output, passed;
  std::vector<Tensor> gradients;
};

Result run(WeightedLayer& layer, const Shape& input, const char* precision, bool simulated) {
  layer.set_precision(parse_precision(precision));
  layer.simulate(simulated);
  const Pass pass{.training = true, .seed = 1, .step = 5};
  Result result;
  const Tensor x = random_tensor(input, 3);
  result.output = layer.forward(x, pass);
  result.passed = layer.backward(random_tensor(result.output.shape(), 4), pass);
  for (const Parameter* parameter : layer.parameters())
    result.gradients.push_back(parameter->gradient);
  return result;
}

}  // namespace

TEST_CASE("weighted layer: integers and their simulation in float32 agree to the bit") {
  for (const char* precision : {"int8", "W=int8/absmax,A=int8/absmax,E=int8/absmax",
                                "W=int4/absmax/channel,A=int8/step5,E=int6/pow2",
                                "W=ternary/meanabs,A=int8/absmax,E=int8/absmax/stochastic", "wage",
                                "W=int4/learned,A=int4/learned,E=int8/absmax",
                                "W=midrise2/range1/tanh,A=int4/range1/stop,E=int6/pow2/stochastic",
                                "W=int8/overflow,A=int8/overflow,E=int8/overflow",
                                "W=binary/meanabs/channel,A=int3/absmax"}) {
    CAPTURE(std::string(precision));
    Convolution convolution({.channels = 10, .kernel = 3, .stride = 2, .padding = 1});
    convolution.set_name("conv1");
    convolution.connect({9, 9, 5});
    convolution.allocate();
    convolution.initialize(1);
    Linear linear({.units = 7});
    linear.set_name("fc1");
    linear.connect({4, 4, 3});
    linear.allocate();
    linear.initialize(2);
    for (auto [layer, input] :
         {std::pair<WeightedLayer*, Shape>{&convolution, {4, 9, 9, 5}}, {&linear, {6, 4, 4, 3}}}) {
      const Result integers = run(*layer, input, precision, false);
      const Result simulated = run(*layer, input, precision, true);
      CHECK(same_bits(integers.output, simulated.output));
      CHECK(same_bits(integers.passed, simulated.passed));
      for (std::size_t i = 0; i < integers.gradients.size(); ++i)
        CHECK(same_bits(integers.gradients[i], simulated.gradients[i]));
    }
  }
}

TEST_CASE("weighted layer: every way to compute products of codes gives the same step") {
  Convolution layer({.channels = 10, .kernel = 5, .padding = 2});
  layer.set_name("conv1");
  layer.connect({9, 9, 5});
  layer.allocate();
  layer.initialize(1);
  const Result fast = run(layer, {4, 9, 9, 5}, "int8", false);
  const products::Paths before = products::override_paths({});
  const Result exact = run(layer, {4, 9, 9, 5}, "int8", false);
  products::override_paths(before);
  CHECK(same_bits(fast.output, exact.output));
  CHECK(same_bits(fast.passed, exact.passed));
  CHECK(same_bits(fast.gradients[0], exact.gradients[0]));
}

TEST_CASE("weighted layer: eight bits are close to float32, errors and gradients on average") {
  Convolution layer({.channels = 8, .kernel = 3, .padding = 1});
  layer.set_name("conv1");
  layer.connect({8, 8, 4});
  layer.allocate();
  layer.initialize(1);
  const Result real = run(layer, {8, 8, 8, 4}, "float32", false);
  const Result codes = run(layer, {8, 8, 8, 4}, "int8", false);
  CHECK(relative_difference(codes.output, real.output) < 0.02);
  CHECK(relative_difference(codes.passed, real.passed) < 0.03);
  CHECK(relative_difference(codes.gradients[0], real.gradients[0]) < 0.03);
  CHECK(relative_difference(codes.gradients[1], real.gradients[1]) < 0.03);
  CHECK_FALSE(same_bits(codes.output, real.output));
}

TEST_CASE("weighted layer: affine activations and wide formats are simulated faithfully") {
  for (const char* precision :
       {"W=f32,A=uint8/minmax,E=f32", "W=int8/absmax,A=uint8/minmax,E=int8/absmax",
        "W=int12/absmax/channel,A=int12/absmax,E=int12/absmax", "W=bf16,A=bf16,E=bf16",
        "W=int8/absmax/channel,A=f32,E=f32", "W=int8/absmax/channel,A=bf16,E=bf16"}) {
    CAPTURE(std::string(precision));
    Linear layer({.units = 7});
    layer.set_name("fc1");
    layer.connect({4, 4, 3});
    layer.allocate();
    layer.initialize(2);
    const Result real = run(layer, {6, 4, 4, 3}, "float32", false);
    const Result other = run(layer, {6, 4, 4, 3}, precision, false);
    CHECK(relative_difference(other.output, real.output) < 0.02);
    CHECK(relative_difference(other.passed, real.passed) < 0.03);
    CHECK(relative_difference(other.gradients[0], real.gradients[0]) < 0.03);
    CHECK(relative_difference(other.gradients[1], real.gradients[1]) < 0.03);
  }
}

TEST_CASE("weighted layer: gradients and master weights take their formats") {
  Linear layer({.units = 3});
  layer.set_name("fc1");
  layer.connect({1, 1, 4});
  layer.allocate();
  layer.initialize(1);
  layer.set_precision(parse_precision("G=int4/absmax,M=int8/step6"));
  REQUIRE(layer.parameters()[0]->constraints.size() == 1);
  layer.initialize(1);
  CHECK_NOTHROW(layer.parameters()[0]->constraints[0]->verify(*layer.parameters()[0]));
  const Tensor x = random_tensor({5, 1, 1, 4}, 1);
  layer.forward(x, {.training = true});
  layer.backward(random_tensor({5, 1, 1, 3}, 2), {.training = true});
  const Tensor& gradient = layer.parameters()[0]->gradient;
  float most = 0;
  for (int i = 0; i < 12; ++i) most = std::max(most, std::abs(gradient.floats()[i]));
  for (int i = 0; i < 12; ++i) {
    const float steps = gradient.floats()[i] / (most / 7);
    CHECK(std::abs(steps - std::round(steps)) < 1e-4f);
  }
  layer.set_precision({});
  CHECK(layer.parameters()[0]->constraints.empty());
}

TEST_CASE("weighted layer: scales of weight channels move into errors of every format") {
  for (const char* errors :
       {"ternary/meanabs", "binary/meanabs", "ternary/absmax", "int4/pow2", "float<5,2>"}) {
    CAPTURE(std::string(errors));
    Linear layer({.units = 40});
    layer.set_name("fc1");
    layer.connect({1, 1, 30});
    layer.allocate();
    layer.initialize(2);
    // Channels of very different sizes: forgetting a scale would show.
    Tensor& w = layer.parameters()[0]->value;
    for (int i = 0; i < 40 * 30; ++i) w.floats()[i] *= i / 30 % 2 ? 1.0f : 0.01f;
    const Result real = run(layer, {64, 1, 1, 30}, "float32", false);
    const Result coarse = run(layer, {64, 1, 1, 30},
                              (std::string("W=int8/absmax/channel,E=") + errors).c_str(), false);
    // Coarse errors keep the direction of what they carry back.
    double dot = 0, a = 0, b = 0;
    for (std::int64_t i = 0; i < real.passed.elements(); ++i) {
      const auto x = static_cast<double>(real.passed.floats()[i]),
                 y = static_cast<double>(coarse.passed.floats()[i]);
      dot += x * y;
      a += x * x;
      b += y * y;
    }
    CHECK(dot / std::sqrt(a * b) > 0.5);
    CHECK(std::sqrt(b / a) > 0.4);
    CHECK(std::sqrt(b / a) < 2.5);
  }
}

TEST_CASE("weighted layer: errors stop where an activation was clipped, if the format says so") {
  Linear layer({.units = 3});
  layer.set_name("fc1");
  layer.connect({1, 1, 4});
  layer.allocate();
  layer.initialize(1);
  Tensor x({1, 1, 1, 4});
  const float values[] = {0.5f, 2.0f, -3.0f, -0.25f};
  std::copy(values, values + 4, x.floats());
  for (const char* precision :
       {"A=int8/step7/stop", "W=int8/absmax,A=int8/step7/stop,E=int8/absmax",
        "W=int8/absmax,A=int8/step7,E=int8/absmax"}) {
    layer.set_precision(parse_precision(precision));
    layer.forward(x, {.training = true});
    const Tensor& error = layer.backward(random_tensor({1, 1, 1, 3}, 2, 1, 2), {.training = true});
    const bool stops = std::string(precision).find("stop") != std::string::npos;
    CHECK(error.floats()[0] != 0);
    CHECK((error.floats()[1] == 0) == stops);
    CHECK((error.floats()[2] == 0) == stops);
    CHECK(error.floats()[3] != 0);
  }
}

TEST_CASE(
    "weighted layer: WAGE's layer begins on its grid, shifts its output and takes unit steps") {
  Linear layer({.units = 16, .bias = false});
  layer.set_name("fc1");
  layer.connect({1, 1, 192});  // alpha = 2^round(log2(0.75 / 0.125)) = 8
  layer.allocate();
  layer.set_precision(parse_precision("wage"));
  layer.initialize(1);
  Parameter& weight = *layer.parameters()[0];
  int zeros = 0;
  for (int i = 0; i < 16 * 192; ++i) {
    CHECK((weight.value.floats()[i] == 0 || std::abs(weight.value.floats()[i]) == 0.5f));
    zeros += weight.value.floats()[i] == 0;
  }
  CHECK(zeros == doctest::Approx(1024).epsilon(0.1));  // a third
  Tensor x({1, 1, 1, 192});
  x.fill_zero();
  x.floats()[5] = 0.5f;
  const Tensor& y = layer.forward(x, {.training = true});
  for (int k = 0; k < 16; ++k)
    CHECK(y.floats()[k] == 0.5f * weight.value.floats()[k * 192 + 5] / 8);
  layer.backward(random_tensor({1, 1, 1, 16}, 3, -1e-5f, 1e-5f), {.training = true});
  float most = 0;
  for (int i = 0; i < 16 * 192; ++i) most = std::max(most, std::abs(weight.gradient.floats()[i]));
  CHECK(most >= 0.7f);  // whatever the errors were
  CHECK(most <= 1.4143f);
}

TEST_CASE("weighted layer: weights that training draws are evaluated as they are stored") {
  Linear layer({.units = 5});
  layer.set_name("fc1");
  layer.connect({1, 1, 40});
  layer.allocate();
  layer.set_precision(parse_precision("binary-connect-stochastic"));
  layer.initialize(1);
  const Tensor x = random_tensor({3, 1, 1, 40}, 2);
  const Tensor drawn = layer.forward(x, {.training = true, .seed = 1});
  const Tensor evaluated = layer.forward(x, {});
  layer.set_precision(parse_precision("float32"));
  CHECK(same_bits(layer.forward(x, {}), evaluated));
  CHECK_FALSE(same_bits(drawn, evaluated));
  // Accumulated in codes, the stored weights are codes.
  layer.set_precision(parse_precision("W=int8/step6/stochastic,M=int8/step6/stochastic"));
  layer.initialize(1);
  const Tensor stored = layer.forward(x, {});
  layer.set_precision(parse_precision("W=int8/step6,M=int8/step6/stochastic"));
  CHECK(same_bits(layer.forward(x, {}), stored));
}

TEST_CASE("weighted layer: biases are on the grid of the master weights where it has room") {
  Linear layer({.units = 5});
  layer.set_name("fc1");
  layer.connect({1, 1, 4});
  layer.allocate();
  for (const auto& [precision, count] :
       {std::pair{"M=int16/step12", 1}, {"M=f16", 1}, {"M=binary/step0", 0}, {"M=f32/clip1", 0}}) {
    layer.set_precision(parse_precision(precision));
    CHECK(layer.parameters()[0]->constraints.size() == 1);
    CHECK(layer.parameters()[1]->constraints.size() == static_cast<std::size_t>(count));
  }
}

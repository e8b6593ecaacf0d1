#include "layers/fold_batch_norm.h"

#include <cmath>

#include "examples/networks/networks.h"
#include "framework/check.h"
#include "framework/training.h"
#include "layers/build.h"
#include "layers/losses.h"
#include "optim/sgd.h"
#include "quant/compression/pruning.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

namespace {

// Gammas of both signs, and running statistics and ranges of some steps.
Model trained(const Definition& definition, const char* precision, int steps = 3,
              std::int64_t images = 4) {
  Network network = build_network(definition);
  set_precision(network, parse_precision(precision));
  network.initialize(1);
  std::uint64_t key = 1;
  for (Parameter* parameter : network.parameters()) {
    if (parameter->name.ends_with(".gamma"))
      parameter->value = random_tensor(parameter->value.shape(), ++key, -0.5f, 1.5f);
    if (parameter->name.ends_with(".beta"))
      parameter->value = random_tensor(parameter->value.shape(), ++key, -0.5f, 0.5f);
  }
  Sgd optimizer(network.parameters(), {});
  const std::vector<std::int32_t> labels(static_cast<std::size_t>(images), 3);
  Tensor error;
  for (int step = 0; step < steps; ++step) {
    const Pass pass{.training = true, .seed = 1, .step = static_cast<std::uint64_t>(step)};
    const Tensor batch = random_tensor(network.input().with_front(images), ++key);
    SoftmaxCrossEntropy().evaluate(network.forward(batch, pass), labels, &error);
    network.backward(error, pass);
    optimizer.step(0.0001f);
  }
  Model model = network.snapshot();
  model.attributes["precision"] = precision;
  return model;
}

Tensor scores(const Model& model) {
  Network network = build_network(model);
  return network.forward(random_tensor(model.definition.input.with_front(4), 99), {});
}

int batch_norms(const Model& model) {
  int count = 0;
  for (const Spec& spec : model.definition.layers) count += spec.kind == "batch_norm";
  return count;
}

const char* const mixed =
    "network name=mixed input=8x8x3\n"
    "batch_norm\n"
    "convolution channels=6 kernel=3 bias=0 name=eyes\n"
    "batch_norm epsilon=0.01\n"
    "batch_norm\n"
    "relu\n"
    "residual\n"
    "batch_norm\n"
    "convolution channels=6 kernel=3 padding=1 groups=3\n"
    "batch_norm\n"
    "shortcut\n"
    "convolution channels=6 kernel=1\n"
    "end\n"
    "batch_norm\n"
    "linear units=8 bias=0\n"
    "batch_norm\n"
    "linear units=5\n";

const char* const separable =
    "network name=separable input=12x12x3\n"
    "convolution channels=16 kernel=3 bias=0\n"
    "batch_norm\n"
    "relu\n"
    "convolution channels=16 kernel=3 groups=16 bias=0\n"
    "batch_norm\n"
    "relu\n"
    "convolution channels=32 kernel=1 bias=0\n"
    "batch_norm\n"
    "relu\n"
    "global_average_pool\n"
    "linear units=10\n";

}  // namespace

TEST_CASE("fold_batch_norm: the same function without the batch norms, for networks of the zoo") {
  for (const auto& [name, input] : {std::pair<const char*, Shape>{"resnet8", {16, 16, 3}},
                                    {"vgg7bn", {16, 16, 3}},
                                    {"mobilenet025", {32, 32, 3}}}) {
    CAPTURE(name);
    const Model model = trained(zoo_network(name, input, 10), "float32");
    const Model folded = fold_batch_norm(model);
    CHECK(batch_norms(model) > 5);
    CHECK(batch_norms(folded) == 0);
    CHECK(relative_difference(scores(folded), scores(model)) < 1e-4);
    for (const auto& [tensor, value] : folded.tensors) {
      CAPTURE(tensor);
      CHECK((tensor.ends_with(".weight") || tensor.ends_with(".bias")));
      if (tensor.ends_with(".weight")) CHECK(model.tensors.contains(tensor));
    }
    CHECK(same_bits(fold_batch_norm(folded), folded));
  }
}

TEST_CASE("fold_batch_norm: a batch norm before its convolution stays, by its name") {
  const Model model = trained(zoo_network("wrn56-2", {8, 8, 3}, 10), "float32", 2);
  const Model folded = fold_batch_norm(model);
  // In each of 27 blocks the first normalises the block's input; one more closes the network.
  CHECK(batch_norms(model) == 55);
  CHECK(batch_norms(folded) == 28);
  CHECK(relative_difference(scores(folded), scores(model)) < 1e-4);
  for (const auto& [name, tensor] : folded.tensors)
    if (name.starts_with("bn")) CHECK(same_bits(tensor, model.tensors.at(name)));
  CHECK(same_bits(fold_batch_norm(folded), folded));
}

TEST_CASE("fold_batch_norm: which go and which stay; names and other attributes are kept") {
  Model model = trained(parse_definition(mixed, "test"), "float32");
  model.attributes["dataset"] = "none";
  model.attributes["training"] = "1 2 3";
  model.tensors["optimizer.momentum.eyes.weight"] = Tensor(Shape{6, 3, 3, 3});
  const Model folded = fold_batch_norm(model);
  CHECK(print(folded.definition) ==
        "network name=mixed input=8x8x3\n"
        "batch_norm\n"
        "convolution channels=6 kernel=3 name=eyes\n"
        "relu\n"
        "residual\n"
        "batch_norm name=bn4\n"
        "convolution channels=6 kernel=3 padding=1 groups=3\n"
        "shortcut\n"
        "convolution channels=6 kernel=1\n"
        "end\n"
        "batch_norm name=bn6\n"
        "linear units=8\n"
        "linear units=5\n");
  CHECK(relative_difference(scores(folded), scores(model)) < 1e-4);
  CHECK(folded.attribute("dataset") == "none");
  CHECK_FALSE(folded.attributes.contains("training"));
  CHECK_FALSE(folded.tensors.contains("optimizer.momentum.eyes.weight"));
  CHECK(same_bits(fold_batch_norm(folded), folded));

  Model broken = model;
  broken.tensors.erase("bn2.running_mean");
  CHECK_THROWS_WITH_AS(fold_batch_norm(broken), doctest::Contains("bn2.running_mean"), Error);
  broken = model;
  broken.tensors.at("bn2.running_variance").floats()[1] = -1;
  CHECK_THROWS_WITH_AS(fold_batch_norm(broken), doctest::Contains("eyes.weight"), Error);
}

TEST_CASE("fold_batch_norm: pruned weights stay zero, to the bit") {
  Model model = trained(zoo_network("resnet8", {16, 16, 3}, 10), "float32");
  Network network = build_network(model);
  for (Parameter* parameter : network.parameters())
    if (parameter->is_weight) prune(*parameter, 0.3);
  Model pruned = network.snapshot();
  pruned.attributes = model.attributes;
  const Model folded = fold_batch_norm(pruned);
  for (const auto& [name, tensor] : pruned.tensors) {
    if (!name.ends_with(".weight")) continue;
    CAPTURE(name);
    const Tensor& now = folded.tensors.at(name);
    CHECK(density(now) == density(tensor));
    for (std::int64_t i = 0; i < tensor.elements(); ++i)
      if (tensor.floats()[i] == 0)
        REQUIRE((now.floats()[i] == 0 && !std::signbit(now.floats()[i])));
  }
}

TEST_CASE("fold_batch_norm: in int8 outputs keep the ranges of those who take them") {
  for (const Definition& definition :
       {zoo_network("resnet8", {32, 32, 3}, 10), parse_definition(separable, "test")}) {
    CAPTURE(definition.name);
    const Model model = trained(definition, "int8", 40, 16);
    const Model folded = fold_batch_norm(model);
    CHECK(batch_norms(folded) == 0);
    Network network = build_network(folded);
    for (const auto& [state, tensor] : network.state()) {
      CAPTURE(state);
      // Every convolution had a batch norm; only the linear layer sees the errors that it saw.
      if (state.starts_with("conv") && state.ends_with(".error_range"))
        CHECK((tensor->floats()[0] == 0 && tensor->floats()[1] == 0));
      else
        CHECK(same_bits(*tensor, model.tensors.at(state)));
    }
    // No further from the reals than before.
    Model reals = model;
    reals.attributes["precision"] = "float32";
    const Tensor exact = scores(reals);
    const double before = relative_difference(scores(model), exact);
    const double after = relative_difference(scores(folded), exact);
    CHECK(after < 1.2 * before + 0.01);
    // It can be trained on.
    const Tensor images = random_tensor(network.input().with_front(4), 5);
    Tensor error;
    SoftmaxCrossEntropy().evaluate(network.forward(images, {.training = true}), {0, 1, 2, 3},
                                   &error);
    network.backward(error, {.training = true});
    for (const Parameter* parameter : network.parameters()) {
      CAPTURE(parameter->name);
      const float* gradient = parameter->gradient.floats();
      CHECK(std::any_of(gradient, gradient + parameter->gradient.elements(),
                        [](float g) { return g != 0; }));
    }
  }
}

TEST_CASE("fold_batch_norm: codes with one scale for all channels are left as they are") {
  for (const char* precision : {"W=ternary/meanabs,A=int8/absmax/smooth", "M=int8/absmax"}) {
    const Model model = trained(parse_definition(mixed, "test"), precision);
    CHECK(same_bits(fold_batch_norm(model), model));
  }
}

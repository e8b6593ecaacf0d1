// Pruned, shared and in int8, all in one network that is trained on.
#include "examples/cli/kept_weights.h"

#include <map>
#include <set>

#include "examples/cli/checkpoint.h"
#include "framework/check.h"
#include "framework/training.h"
#include "layers/build.h"
#include "layers/losses.h"
#include "layers/weighted_layer.h"
#include "optim/adam.h"
#include "optim/sgd.h"
#include "quant/compression/constraints.h"
#include "quant/compression/kept.h"
#include "quant/compression/model_file.h"
#include "quant/compression/pruning.h"
#include "quant/compression/weight_sharing.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

namespace {

const char* const text =
    "network name=small input=12x12x1\n"
    "convolution channels=8 kernel=3 padding=1 bias=0\n"
    "batch_norm\n"
    "relu\n"
    "residual\n"
    "convolution channels=8 kernel=3 padding=1 bias=0\n"
    "batch_norm\n"
    "end\n"
    "relu\n"
    "max_pool window=2\n"
    "linear units=10\n";

constexpr int clusters = 15;

Network network_in(const char* precision) {
  Network network = build_network(parse_definition(text, "test"));
  set_precision(network, parse_precision(precision));
  network.initialize(4);
  return network;
}

void train(Network& network, Optimizer& optimizer, int first, int steps, float rate = 0.01f) {
  std::vector<std::int32_t> labels;
  for (int i = 0; i < 16; ++i) labels.push_back(i % 10);
  Tensor error;
  for (int step = first; step < first + steps; ++step) {
    const Pass pass{.training = true, .seed = 2, .step = static_cast<std::uint64_t>(step)};
    const Tensor images =
        random_tensor(network.input().with_front(16), static_cast<std::uint64_t>(step));
    SoftmaxCrossEntropy().evaluate(network.forward(images, pass), labels, &error);
    network.backward(error, pass);
    optimizer.step(rate);
  }
}

// A network with a third of its weights, of 15 values a layer.
Network compressed(const char* precision) {
  Network network = network_in(precision);
  Sgd sgd(network.parameters(), {.momentum = 0.9f});
  train(network, sgd, 0, 5);
  for (Parameter* parameter : network.parameters()) {
    if (parameter->is_weight) prune(*parameter, 1.0 / 3);
    share(*parameter, clusters, Centroids::linear, 1);
  }
  return network;
}

std::size_t distinct(const Tensor& tensor) {
  std::set<float> values(tensor.floats(), tensor.floats() + tensor.elements());
  values.erase(0.0f);
  return values.size();
}

std::map<std::string, Kept> kept_in(const Network& network) {
  std::map<std::string, Kept> all;
  for (const Parameter* parameter : network.parameters())
    all[parameter->name] = kept_by_constraints(*parameter);
  return all;
}

}  // namespace

TEST_CASE("pruned, shared and int8 in one network: every invariant holds after training on") {
  Network network = compressed("int8");
  std::map<std::string, Tensor> before;
  for (const Parameter* parameter : network.parameters())
    before[parameter->name] = parameter->value;
  Adam adam(network.parameters(), {});
  train(network, adam, 5, 20, 1e-3f);
  int weights = 0;
  for (Layer* layer : network.leaves()) {
    auto* const weighted = dynamic_cast<WeightedLayer*>(layer);
    if (!weighted) continue;
    const Parameter& weight = *weighted->parameters().front();
    CAPTURE(weight.name);
    const Tensor& was = before.at(weight.name);
    CHECK_FALSE(same_bits(weight.value, was));
    for (const auto& constraint : weight.constraints) constraint->verify(weight);
    CHECK(distinct(weight.value) <= clusters);
    // The codes that its products see.
    Tensor codes;
    Quantizer(weighted->precision().weights).encode(weight.value, {}, codes);
    REQUIRE(codes.element() == Element::int8);
    const std::int64_t channels = codes.shape()[0], row = codes.elements() / channels;
    CHECK(codes.scales.size() == static_cast<std::size_t>(channels));
    for (std::int64_t k = 0; k < channels; ++k) {
      std::map<float, int> code_of;
      for (std::int64_t i = k * row; i < (k + 1) * row; ++i) {
        const int code = codes.data<std::int8_t>()[i];
        const float value = weight.value.floats()[i];
        if (was.floats()[i] == 0) {  // pruned
          REQUIRE(value == 0);
          REQUIRE(code == 0);
        }
        REQUIRE(code_of.try_emplace(value, code).first->second == code);
      }
    }
    ++weights;
  }
  CHECK(weights == 3);
}

TEST_CASE("keep_as_stored: a file's zeros and clusters, and nothing of a file without any") {
  const auto kept_from_file = [](const Network& network) {
    std::vector<TensorReport> reports;
    Model model = decode(encode(network.snapshot()), "test", &reports);
    model.attributes["precision"] = "int8";
    Network opened = build_network(model);
    cli::keep_as_stored(opened, reports);
    return kept_in(opened);
  };
  Network network = compressed("int8");
  const auto kept = kept_from_file(network);
  for (const char* name : {"conv1.weight", "conv2.weight", "fc1.weight"}) {
    CAPTURE(name);
    CHECK(kept.at(name).zeros);
    // 24 living weights of 15 values: kept if they are worth a codebook.
    if (std::string(name) != "conv1.weight") CHECK(kept.at(name).clusters);
    for (const Parameter* parameter : network.parameters())
      if (parameter->name == name && kept.at(name).clusters)
        CHECK(kept.at(name) == kept_by_constraints(*parameter));
  }
  // Gammas that begin as ones are equal, but nobody has shared them.
  for (const auto& [name, none] : kept_from_file(network_in("int8"))) CHECK_FALSE(none.any());
}

TEST_CASE("fold_network: the folded network keeps the zeros and is trained on") {
  Network network = network_in("int8");
  Sgd sgd(network.parameters(), {.momentum = 0.9f});
  train(network, sgd, 0, 20);
  for (Parameter* parameter : network.parameters())
    if (parameter->is_weight) prune(*parameter, 0.4);
  std::map<std::string, Kept> before = kept_in(network);
  CHECK(cli::fold_network(network, {{"precision", "int8"}}) == 2);
  for (const auto& [name, kept] : kept_in(network)) {
    CAPTURE(name);
    if (kept.zeros) CHECK(kept == before.at(name));
    CHECK(kept.zeros == name.ends_with(".weight"));
  }
  Sgd other(network.parameters(), {.momentum = 0.9f});
  train(network, other, 20, 5);
  for (const Parameter* parameter : network.parameters())
    for (const auto& constraint : parameter->constraints) constraint->verify(*parameter);
  CHECK(cli::fold_network(network, {{"precision", "int8"}}) == 0);
}

TEST_CASE("checkpoint: a run under constraints goes on to the same bits, degenerate or not") {
  for (const bool degenerate : {false, true}) {
    CAPTURE(degenerate);
    Network network = compressed("int8");
    Sgd optimizer(network.parameters(), {.momentum = 0.9f, .weight_decay = 1e-4f});
    train(network, optimizer, 5, 5);
    if (degenerate)
      for (Parameter* parameter : network.parameters()) {
        // The first cluster comes to zero, the third meets the second.
        const Kept kept = kept_by_constraints(*parameter);
        float* const values = parameter->value.floats();
        float second = 0;
        for (std::size_t i = 0; i < kept.groups.size(); ++i) {
          if (kept.groups[i] == 1) values[i] = 0;
          if (kept.groups[i] == 2) second = values[i];
        }
        for (std::size_t i = 0; i < kept.groups.size(); ++i)
          if (kept.groups[i] == 3) values[i] = second;
      }
    Model model = network.snapshot();
    model.attributes["precision"] = "int8";
    cli::add_checkpoint(model, optimizer, {.seed = 3, .step = 10}, {});
    CHECK(model.tensors.contains("optimizer.kept.fc1.weight") == degenerate);
    CHECK(model.parameters() == [&] {
      std::int64_t count = 0;
      for (const Parameter* parameter : network.parameters()) count += parameter->value.elements();
      return count;
    }());

    const Model saved = decode(encode(model), "test");
    Network again = network_in("int8");
    Sgd other(again.parameters(), {.momentum = 0.9f, .weight_decay = 1e-4f});
    TrainingState state;
    cli::RunRecord record;
    cli::restore_checkpoint(saved, again, other, state, record);
    CHECK(state.step == 10);
    CHECK(kept_in(again) == kept_in(network));
    train(network, optimizer, 10, 5);
    train(again, other, 10, 5);
    CHECK(state_hash(again, other) == state_hash(network, optimizer));

    const auto refuse = [&](auto&& damage) {
      Model damaged = saved;
      damage(damaged);
      Network fresh = network_in("int8");
      Sgd sgd(fresh.parameters(), {.momentum = 0.9f, .weight_decay = 1e-4f});
      try {
        cli::restore_checkpoint(damaged, fresh, sgd, state, record);
        FAIL("expected an error");
      } catch (const Error& error) {
        CHECK((error.kind == Failure::data || error.kind == Failure::failed));
      }
    };
    refuse([](Model& m) { m.attributes["training"] += "\nfc9.weight zeros"; });
    refuse([](Model& m) { m.attributes["training"] += "\nfc1.weight"; });
    refuse([](Model& m) { m.attributes["training"] += "\nfc1.weight ones"; });
    if (!degenerate) continue;
    refuse([](Model& m) { m.tensors.at("optimizer.kept.fc1.weight").floats()[0] = 0.5f; });
    refuse([](Model& m) { m.tensors.at("optimizer.kept.fc1.weight") = Tensor(Shape{3}); });
  }
}

#include "framework/training.h"

#include <cmath>

#include "datasets/strokes.h"
#include "framework/check.h"
#include "framework/parallel.h"
#include "layers/build.h"
#include "layers/losses.h"
#include "optim/sgd.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

namespace {

const char* const small =
    "network name=small input=28x28x1\n"
    "convolution channels=6 kernel=5\nmax_pool window=2\nconvolution channels=12 kernel=5 "
    "stride=2\n"
    "relu\ndropout rate=0.1\nlinear units=10\n";

struct Trained {
  std::string hash;
  double first_loss = 0, last_loss = 0;
};

Trained train(const char* precision, int thread_count, std::int64_t stop_and_resume_at = -1) {
  set_threads(thread_count);
  const Dataset data = make_strokes(640, 1, Split::train);
  Network network = build_network(parse_definition(small, "test"));
  set_precision(network, parse_precision(precision));
  network.initialize(3);
  Sgd sgd(network.parameters(), {.weight_decay = 1e-4f});
  DataLoader loader(
      data,
      {.batch = 32, .shuffle = true, .seed = 3, .normalization = measure_normalization(data)});
  TrainingState state{.seed = 3};
  Trained result;
  const auto rate = [](std::int64_t) { return 0.02f; };
  const SoftmaxCrossEntropy loss;
  for (int epoch = 0; epoch < 3; ++epoch) {
    state.metrics = {};
    if (!train_epoch(network, loss, sgd, loader, rate, state,
                     [&](const TrainingState& now) { return now.step != stop_and_resume_at; })) {
      CHECK_FALSE(train_epoch(network, loss, sgd, loader, rate, state,
                              [](const TrainingState&) { return false; }));
      CHECK(train_epoch(network, loss, sgd, loader, rate, state, {}));
    }
    if (epoch == 0) result.first_loss = state.metrics.loss();
    result.last_loss = state.metrics.loss();
  }
  CHECK(state.epoch == 3);
  CHECK(state.step == 60);
  result.hash = state_hash(network, sgd);
  return result;
}

}  // namespace

TEST_CASE("training: int8 is the same to the bit for any number of threads, and it learns") {
  const int before = threads();
  const Trained one = train("int8", 1);
  for (const int count : {2, 3, 4}) CHECK(train("int8", count).hash == one.hash);
  CHECK(one.last_loss < 0.6 * one.first_loss);
  set_threads(before);
}

TEST_CASE("training: float32 is the same run after run, and it learns") {
  const int before = threads();
  const Trained first = train("float32", 2), second = train("float32", 2);
  CHECK(first.hash == second.hash);
  CHECK(first.last_loss < 0.6 * first.first_loss);
  set_threads(before);
}

TEST_CASE("training: an interrupted epoch goes on to the same bits") {
  const int before = threads();
  CHECK(train("int8", 2, 27).hash == train("int8", 2).hash);
  set_threads(before);
}

TEST_CASE("training: a loss that is not finite ends it") {
  const Dataset data = make_strokes(64, 1, Split::train);
  for (const char* precision : {"float32", "int8"}) {
    Network network = build_network(parse_definition(small, "test"));
    set_precision(network, parse_precision(precision));
    network.initialize(3);
    Sgd sgd(network.parameters(), {});
    DataLoader loader(data, {.batch = 8, .normalization = measure_normalization(data)});
    TrainingState state;
    try {
      for (int epoch = 0; epoch < 10; ++epoch)
        train_epoch(network, SoftmaxCrossEntropy(), sgd, loader, [](std::int64_t) { return 1e20f; },
                    state, {});
      CHECK(false);
    } catch (const Error& error) {
      CHECK(error.kind == Failure::numbers);
    }
  }
}

TEST_CASE("training: evaluation counts every picture once") {
  const Dataset data = make_strokes(130, 1, Split::test);
  Network network = build_network(parse_definition(small, "test"));
  network.initialize(1);
  DataLoader loader(data, {.batch = 32, .normalization = measure_normalization(data)});
  std::vector<std::int64_t> confusion;
  const Metrics metrics = evaluate(network, SoftmaxCrossEntropy(), loader, &confusion);
  CHECK(metrics.images == 130);
  std::int64_t all = 0, right = 0;
  for (std::size_t i = 0; i < 100; ++i) {
    all += confusion[i];
    if (i % 11 == 0) right += confusion[i];
  }
  CHECK(all == 130);
  CHECK(130 - right == metrics.wrong);
  CHECK(std::isfinite(metrics.loss()));
}

TEST_CASE(
    "training: a scaled loss takes the same steps, and formats of gradients see the gradient") {
  const auto trained = [](float loss_scale, const char* precision) {
    const Dataset data = make_strokes(256, 1, Split::train);
    Network network = build_network(parse_definition(
        "network name=small input=28x28x1\nconvolution channels=4 kernel=5 stride=3\nbatch_norm\n"
        "relu\nlinear units=classes\n",
        "test", 10));
    set_precision(network, parse_precision(precision));
    network.initialize(1);
    Sgd optimizer(network.parameters(), {.momentum = 0.9f});
    DataLoader loader(data, {.batch = 32, .normalization = measure_normalization(data)});
    TrainingState state{.seed = 1, .loss_scale = loss_scale};
    train_epoch(network, SoftmaxCrossEntropy(), optimizer, loader,
                [](std::int64_t) { return 0.02f; }, state, {});
    return state_hash(network, optimizer);
  };
  // Powers of two change exponents alone.
  CHECK(trained(1, "float32") == trained(256, "float32"));
  CHECK(trained(1, "G=int16/step14") == trained(64, "G=int16/step14"));
  CHECK(trained(1, "E=int16/step14") != trained(64, "E=int16/step14"));
}

TEST_CASE("training: re-estimated statistics are the mean over the batches, whatever was before") {
  const Dataset data = make_strokes(100, 1, Split::train);
  Network network = build_network(parse_definition(
      "network name=small input=28x28x1\nbatch_norm momentum=0.01\nlinear units=10\n", "test"));
  set_precision(network, {});
  network.initialize(3);
  const auto parameters = [&] {
    std::vector<Tensor> values;
    for (const Parameter* parameter : network.parameters()) values.push_back(parameter->value);
    return values;
  };
  const std::vector<Tensor> before = parameters();
  DataLoader loader(data, {.batch = 32, .shuffle = true, .seed = 5});
  for (const std::int64_t most : {1, 2, 50}) {
    loader.start(7);
    double mean = 0, variance = 0;
    std::int64_t batches = 0;
    while (const Batch* batch = batches < most ? loader.next() : nullptr) {
      double sum = 0, squares = 0;
      const auto count = static_cast<double>(batch->images.elements());
      for (std::int64_t i = 0; i < batch->images.elements(); ++i) {
        const auto value = static_cast<double>(batch->images.floats()[i]);
        sum += value;
        squares += value * value;
      }
      mean += sum / count;
      variance += (squares - sum * sum / count) / (count - 1);
      ++batches;
    }
    CHECK(batches == std::min<std::int64_t>(most, 4));
    reestimate_statistics(network, loader, most, {.seed = 3, .epoch = 7});
    const auto state = network.state();
    CHECK(static_cast<double>(state[0].second->floats()[0]) ==
          doctest::Approx(mean / static_cast<double>(batches)).epsilon(1e-5));
    CHECK(static_cast<double>(state[1].second->floats()[0]) ==
          doctest::Approx(variance / static_cast<double>(batches)).epsilon(1e-5));
  }
  const std::vector<Tensor> after = parameters();
  for (std::size_t i = 0; i < before.size(); ++i) CHECK(same_bits(before[i], after[i]));
}

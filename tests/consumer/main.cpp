// A whole training program on the installed library.
#include <cstdio>

#include "datasets/strokes.h"
#include "framework/training.h"
#include "layers/build.h"
#include "layers/losses.h"
#include "optim/sgd.h"

using namespace octet;

int main() {
  const Dataset digits = make_strokes(2000, 1, Split::train);
  Network network =
      build_network(parse_definition("network name=small input=28x28x1\n"
                                     "convolution channels=8 kernel=5 stride=2\n"
                                     "relu\n"
                                     "linear units=10\n",
                                     "main.cpp"));
  set_precision(network, parse_precision("int8"));
  network.initialize(1);

  Sgd optimizer(network.parameters(), {.momentum = 0.9f});
  DataLoader loader(
      digits,
      {.batch = 50, .shuffle = true, .seed = 1, .normalization = measure_normalization(digits)});
  TrainingState state{.seed = 1};
  for (int epoch = 0; epoch < 4; ++epoch) {
    state.metrics = {};
    train_epoch(network, SoftmaxCrossEntropy(), optimizer, loader,
                [](std::int64_t) { return 0.02f; }, state, {});
    std::printf("epoch %d  loss %.4f  error %.1f %%\n", epoch + 1, state.metrics.loss(),
                100 * state.metrics.error());
  }
  return state.metrics.error() < 0.3 ? 0 : 1;
}

#include "examples/papers/integer_only_training/float_baseline.h"

#include <iostream>

#include "examples/cli/session.h"
#include "framework/check.h"
#include "layers/build.h"

namespace octet::papers {

Network train_baseline(const FloatBaseline& baseline, const Task& task, std::uint64_t seed) {
  const cli::Stopwatch watch;
  Network network = build_network(
      parse_definition(join("network name=", baseline.name, " input=", print(task.train.image),
                            "\n", baseline.layers),
                       baseline.name, static_cast<std::int64_t>(task.train.classes.size())));
  network.initialize(seed);
  const Metrics trained = train(network, task, baseline.training, seed, "float32");
  std::cout << "  float32, " << baseline.training.epochs << " epochs: training error "
            << cli::percent(trained);
  if (task.validation.size() > 0)
    std::cout << ", validation error "
              << cli::percent(measure(network, task.validation, task.normalization));
  std::cout << cli::format_text(", %.0f s", watch.seconds()) << std::endl;
  return network;
}

}  // namespace octet::papers

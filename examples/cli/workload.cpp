#include "examples/cli/workload.h"

#include <cmath>

#include "examples/cli/precision_option.h"
#include "examples/networks/networks.h"
#include "framework/check.h"
#include "framework/random.h"
#include "layers/build.h"
#include "layers/flow.h"
#include "layers/losses.h"
#include "optim/sgd.h"
#include "quant/onnx/onnx_file.h"

namespace octet::cli {
namespace {

constexpr std::int64_t classes = 10;
// Small, so that no network of the zoo diverges on labels that mean nothing.
constexpr float learning_rate = 1e-3f;

void fill_random(Tensor& images, std::uint64_t key) {
  for (std::int64_t i = 0; i < images.elements(); ++i)
    images.floats()[i] = 4 * uniform(key, static_cast<std::uint32_t>(i)) - 2;
}

}  // namespace

Network make_network(const WorkOptions& options) {
  Shape input;
  for (const ZooEntry& entry : zoo())
    if (entry.name == options.model) input = entry.usual_input;
  Network network = build_network(zoo_network(options.model, input, classes));
  set_precision(network, choose_precision(options.precision, options.simulate_bfloat16));
  network.initialize(1);
  return network;
}

std::unique_ptr<Optimizer> make_optimizer(Network& network) {
  return std::make_unique<Sgd>(network.parameters(),
                               Sgd::Options{.momentum = 0.9f, .weight_decay = 5e-4f});
}

Bytes workload_onnx(const WorkOptions& options, bool integers) {
  WorkOptions numbers = options;
  numbers.precision = integers ? "integer-arithmetic-only" : "float32";
  Network network = make_network(numbers);
  Tensor images(network.input().with_front(2));
  fill_random(images, 1);
  network.forward(images, {.training = true});
  const auto channels = static_cast<std::size_t>(network.input()[2]);
  const Normalization normalization{std::vector<float>(channels, 0.5f),
                                    std::vector<float>(channels, 0.25f)};
  if (integers) return write_onnx(lower(network, numbers.precision), {normalization, {}});
  Model model = network.snapshot();
  model.attributes["precision"] = numbers.precision;
  return write_onnx(model, normalization);
}

Workload::Workload(const WorkOptions& options)
    : network_(make_network(options)), loss_(make_loss("cross-entropy")) {
  const bool training = options.work == "train";
  if (training) optimizer_ = make_optimizer(network_);
  // What is smoothed over training steps (ranges, statistics) must be known to evaluate as usual.
  images_.resize(network_.input().with_front(training ? options.batch : 2));
  fill_random(images_, 1);
  if (!training) {
    network_.forward(images_, {.training = true});
    const Precision precision = choose_precision(options.precision, options.simulate_bfloat16);
    if (simulates_codes(precision.activations))
      integer_ = std::make_unique<IntegerForward>(lower(network_, print(precision)));
    images_.resize(network_.input().with_front(options.batch));
    fill_random(images_, 2);
  }
  for (std::int64_t i = 0; i < options.batch; ++i)
    labels_.push_back(static_cast<std::int32_t>(i % classes));
  pass_.training = training;
}

void Workload::step() {
  if (integer_) {
    (*integer_)(images_);
    return;
  }
  const Tensor& scores = network_.forward(images_, pass_);
  if (!optimizer_) return;
  const double loss = loss_->evaluate(scores, labels_, &error_);
  check(std::isfinite(loss), Failure::numbers, "the loss became ", loss, " at step ",
        pass_.step + 1);
  network_.backward(error_, pass_);
  optimizer_->step(learning_rate);
  ++pass_.step;
}

}  // namespace octet::cli

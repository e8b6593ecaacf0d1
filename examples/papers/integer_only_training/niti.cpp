// NITI on MNIST (a LeNet) and on CIFAR-10 (VGG-small-7).
#include <algorithm>
#include <iostream>

#include "datasets/transforms.h"
#include "examples/cli/session.h"
#include "examples/papers/integer_only_training/byte_batches.h"
#include "examples/papers/integer_only_training/experiments.h"
#include "examples/papers/integer_only_training/float_baseline.h"
#include "examples/papers/integer_only_training/niti_network.h"
#include "framework/check.h"
#include "framework/random.h"

namespace octet::papers {
namespace {

// One network on one data set, with our choices.
struct NitiTask {
  std::string name;
  Shape image;
  NitiNetwork (*network)(const Shape&, std::int64_t, std::uint64_t);
  std::string float_layers;
  float float_rate;  // MNIST's is the best of 0.005, 0.01, 0.02 and 0.05 on validation pictures
  std::int64_t batch, epochs;
  Transform transform;
};

// The paper gives mu 5 bits, 4 from epoch 100 and 3 from epoch 150 of 200; the LeNet's epochs are
// divided in proportion.
constexpr int first_mu = 5;
constexpr std::int64_t paper_epochs = 200, fewer_bits_from[] = {100, 150};

NitiTask lenet_on_mnist() {
  return {.name = "NITI LeNet, MNIST",
          .image = {28, 28, 1},
          .network = NitiNetwork::lenet,
          .float_layers =
              "convolution channels=20 kernel=5\nrelu\nmax_pool window=2\n"
              "convolution channels=50 kernel=5\nrelu\nmax_pool window=2\n"
              "linear units=500\nrelu\nlinear units=classes init=glorot\n",
          .float_rate = 0.01f,
          .batch = 256,
          .epochs = 12,
          .transform = {}};
}

NitiTask vgg_on_cifar10() {
  std::string layers;
  for (const int channels : {128, 256, 512}) {
    for (int i = 0; i < 2; ++i)
      layers += join("convolution channels=", channels, " kernel=3 padding=1\nrelu\n");
    layers += "max_pool window=2\n";
  }
  return {.name = "NITI VGG-small-7, CIFAR-10",
          .image = {32, 32, 3},
          .network = NitiNetwork::vgg_small_7,
          .float_layers = layers + "dropout rate=0.5\nlinear units=classes init=glorot\n",
          .float_rate = 0.01f,
          .batch = 256,
          .epochs = paper_epochs,
          .transform = chain({pad_crop(4), flip()})};
}

// Accuracies in the log of the paper's program, %, counting epochs from 0: of the test pictures
// after the epoch, which go up and down by points from one epoch to the next (80.1, 74.1 and 79.5
// after epochs 17 to 19), and of the training pictures during it, which do not.
struct Milestone {
  std::int64_t epoch;
  double test, training;
};
constexpr Milestone cifar10_milestones[] = {{0, 32.7, 23.1},   {5, 63.8, 58.3},  {9, 70.4, 68.6},
                                            {19, 79.5, 78.7},  {49, 85.3, 87.7}, {99, 86.6, 91.4},
                                            {149, 88.9, 97.3}, {199, 89.2, 99.2}};

int mu_at(std::int64_t epoch, std::int64_t epochs) {
  int mu = first_mu;
  for (const std::int64_t from : fewer_bits_from) mu -= paper_epochs * epoch >= from * epochs;
  return mu;
}

std::int64_t wrong_answers(const NitiTensor& scores, const std::vector<std::int32_t>& labels) {
  const auto images = static_cast<std::int64_t>(labels.size());
  const std::int64_t classes = scores.codes.elements() / images;
  std::int64_t wrong = 0;
  for (std::int64_t i = 0; i < images; ++i)
    wrong += answer(scores.codes.data<std::int8_t>() + i * classes, classes) !=
             labels[static_cast<std::size_t>(i)];
  return wrong;
}

// A network with what turns bytes into its codes.
struct Trained {
  NitiNetwork network;
  PixelCodes pixels;
  NitiTensor images;

  const NitiTensor& forward(const ByteBatch& now, const Shape& image, const NitiPass& pass) {
    pixels.encode(now.pixels.data(), image.with_front(now.count), images);
    return network.forward(images, pass);
  }
};

Metrics measure(Trained& trained, const Dataset& pictures) {
  Metrics metrics;
  each_batch_in_order(pictures, 250, [&](const ByteBatch& now) {
    metrics.wrong += wrong_answers(trained.forward(now, pictures.image, {}), now.labels);
    metrics.images += now.count;
  });
  return metrics;
}

Metrics train_one_epoch(Trained& trained, const NitiTask& what, const Dataset& pictures,
                        std::uint64_t seed, std::int64_t epoch, int mu) {
  Metrics metrics;
  const std::int64_t batches = (pictures.size() + what.batch - 1) / what.batch;
  std::int64_t step = epoch * batches;
  cli::Progress progress;
  each_batch(pictures, what.batch, seed, epoch, what.transform, [&](const ByteBatch& now) {
    const NitiPass pass{
        .training = true,
        .mu = mu,
        .key = random_key(seed, stream_of("niti"), static_cast<std::uint64_t>(step++))};
    metrics.wrong += wrong_answers(trained.forward(now, pictures.image, pass), now.labels);
    metrics.images += now.count;
    trained.network.backward(now.labels, pass);
    progress.show(join("int8 ", epoch + 1),
                  static_cast<double>(metrics.images) / static_cast<double>(pictures.size()));
  });
  return metrics;
}

// What came of one seed: errors on the test pictures, %, and accuracies at those milestones that
// were reached; what is said of test pictures is of those held out when these are left alone.
struct Outcome {
  double error = 0, float_error = 0;
  std::vector<double> accuracies, training;
};

// Pictures of a quick run.
constexpr std::int64_t quick_pictures = 20000;

// `epochs` is the number that is trained, `schedule_epochs` that which mu's schedule spans.
Outcome one_seed(const NitiTask& what, const IntegerTrainingOptions& options,
                 const std::string& data, std::int64_t epochs, std::int64_t schedule_epochs,
                 std::uint64_t seed, const std::vector<Milestone>& milestones = {}) {
  const bool few = options.common.quick && options.pictures == 0;
  const Task task =
      load_task(data, what.image, options.held_out, seed, few ? quick_pictures : options.pictures);
  const Dataset& judged = options.validation_only ? task.validation : task.test;
  Trained trained{
      what.network(task.train.image, static_cast<std::int64_t>(task.train.classes.size()), seed),
      PixelCodes(task.normalization),
      {}};
  Outcome outcome;
  std::cout << what.name << ", seed " << seed << "\n"
            << "  epoch  mu  training  validation  seconds  state" << std::endl;
  const cli::Stopwatch watch;
  for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
    const int mu = mu_at(epoch, schedule_epochs);
    const Metrics training = train_one_epoch(trained, what, task.train, seed, epoch, mu);
    const std::string validation =
        task.validation.size() > 0
            ? cli::format_text("%9.2f%%", 100 * measure(trained, task.validation).error())
            : std::string(9, ' ') + '-';
    std::cout << cli::format_text("  %5lld  %2d  %7.2f%%  %s  %7.0f  %s",
                                  static_cast<long long>(epoch + 1), mu, 100 * training.error(),
                                  validation.c_str(), watch.seconds(),
                                  trained.network.state_hash().c_str())
              << std::endl;
    for (const Milestone& milestone : milestones) {
      if (milestone.epoch != epoch) continue;
      outcome.training.push_back(100 * (1 - training.error()));
      outcome.accuracies.push_back(100 * (1 - measure(trained, judged).error()));
      std::cout << cli::format_text("  accuracy after epoch %lld, counted from 0: %.2f %%",
                                    static_cast<long long>(epoch), outcome.accuracies.back())
                << std::endl;
    }
  }
  if (!options.baseline) return outcome;
  Network baseline = train_baseline(
      {.name = "float",
       .layers = what.float_layers,
       .training = {.epochs = epochs, .rate = what.float_rate, .transform = what.transform}},
      task, seed);
  if (options.validation_only) return outcome;
  outcome.error = 100 * measure(trained, task.test).error();
  outcome.float_error = 100 * papers::measure(baseline, task.test, task.normalization).error();
  std::cout << cli::format_text("  test error  int8 %.2f %%, float32 %.2f %%", outcome.error,
                                outcome.float_error)
            << std::endl;
  return outcome;
}

}  // namespace

void train_niti_lenet(const IntegerTrainingOptions& options, Claims& claims) {
  const NitiTask what = lenet_on_mnist();
  const bool quick = options.common.quick;
  const std::int64_t epochs = epochs_of(options.epochs, options.common, what.epochs, 2);
  std::vector<double> errors, differences;
  for (int i = 0; i < options.common.seeds; ++i) {
    const Outcome outcome = one_seed(what, options, data_of(options.common, "mnist"), epochs,
                                     epochs, options.common.seed + static_cast<unsigned>(i));
    errors.push_back(outcome.error);
    differences.push_back(outcome.error - outcome.float_error);
  }
  if (options.validation_only) return;
  // The paper calls its loss against float negligible and prints no figure for MNIST.
  claims.add({.what = what.name + ": error, %",
              .ours = statistics(errors).mean,
              .bound = quick ? 5.0 : 1.2});
  claims.add({.what = what.name + ": points above float",
              .ours = statistics(differences).mean,
              .bound = quick ? 4.0 : 0.4});
}

void train_niti_vgg(const IntegerTrainingOptions& options, Claims& claims) {
  const NitiTask what = vgg_on_cifar10();
  const std::string data = data_of(options.common, "cifar10");
  const std::int64_t epochs = epochs_of(options.epochs, options.common, 20, 1);
  IntegerTrainingOptions now = options;
  if (!options.validation_only) now.held_out = 0;  // as the paper does: nothing is chosen
  // By milestone.
  std::vector<std::vector<double>> accuracies(std::size(cifar10_milestones));
  std::vector<std::vector<double>> training(std::size(cifar10_milestones));
  for (int i = 0; i < options.common.seeds; ++i) {
    const Outcome outcome = one_seed(
        what, now, data, epochs, what.epochs, options.common.seed + static_cast<unsigned>(i),
        std::vector<Milestone>(std::begin(cifar10_milestones), std::end(cifar10_milestones)));
    for (std::size_t k = 0; k < outcome.accuracies.size(); ++k) {
      accuracies[k].push_back(outcome.accuracies[k]);
      training[k].push_back(outcome.training[k]);
    }
  }
  const auto claim = [&](const char* which, std::int64_t epoch, double theirs,
                         const std::vector<double>& ours) {
    claims.add({.what = join(what.name, ": ", which, " epoch ", epoch, ", %"),
                .paper = theirs,
                .ours = statistics(ours).mean,
                .at_most = false,
                .bound = theirs - 2,
                .digits = 1});
  };
  // The log is of all pictures: of fewer it is only asked whether they teach anything.
  if (options.common.quick || options.pictures > 0) {
    claims.add({.what = what.name + ": accuracy after epoch 0, %, chance being 10",
                .paper = {},
                .ours = statistics(accuracies[0]).mean,
                .at_most = false,
                .bound = 12,
                .digits = 1});
    return;
  }
  for (std::size_t k = 0; k < accuracies.size() && !accuracies[k].empty(); ++k) {
    const Milestone& milestone = cifar10_milestones[k];
    claim("accuracy after", milestone.epoch, milestone.test, accuracies[k]);
    claim("training accuracy in", milestone.epoch, milestone.training, training[k]);
  }
}

}  // namespace octet::papers

// The experiments of examples/papers/integer_only_training, one file each.
#pragma once

#include <string>

#include "examples/papers/common/claims.h"
#include "examples/papers/common/experiment.h"

namespace octet::papers {

struct IntegerTrainingOptions {
  Options common{.data = ""};
  std::string experiment = "all";  ///< pocketnn, niti, niti-cifar10; all: the first two
  std::int64_t epochs = 0;         ///< in place of the recipe's; 0 keeps that
  /// PocketNN's, on a batch's sums. It stays: quotients below one are cut off, so that with a
  /// larger one late in the training the validation error rises.
  std::int32_t rate_inverse = 1000;
  std::int64_t held_out = 5000;  ///< training pictures that validate
  bool baseline = true;          ///< of niti-cifar10: float32 beside it
  std::int64_t pictures = 0;     ///< that are trained on at most; 0: all that there are
  bool validation_only = false;  ///< leaves the test pictures alone
};

/// PocketNN: a perceptron on MNIST, and on Fashion-MNIST where that is here.
void train_pocket_networks(const IntegerTrainingOptions& options, Claims& claims);

/// NITI: a LeNet on MNIST.
void train_niti_lenet(const IntegerTrainingOptions& options, Claims& claims);

/// NITI: VGG-small-7 on CIFAR-10, against the accuracies that the paper's program logs.
void train_niti_vgg(const IntegerTrainingOptions& options, Claims& claims);

}  // namespace octet::papers

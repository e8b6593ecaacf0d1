// The experiments of examples/papers/deep_compression, one file each.
#pragma once

#include <string>

#include "examples/papers/common/claims.h"
#include "examples/papers/common/experiment.h"

namespace octet::papers {

struct DeepCompressionOptions {
  Options common;
  std::string experiment = "lenets";  ///< lenets, centroids, tradeoff, accounting, all
  std::string network = "all";        ///< lenet300, lenet5, all; accounting: alexnet, vgg16, all
  std::string keep, bits;             ///< by layer, in place of the recipe's: "fc1=0.06,fc2=0.1"
  std::string epochs;                 ///< "dense,prune,tune" in place of the recipe's
  bool paper_settings = false;        ///< densities and bits of the paper
  bool validation_only = false;       ///< leaves the test pictures alone
  std::int64_t held_out = 5000;       ///< training pictures that validate
};

/// Tables 1, 2 and 3: LeNet-300-100 and LeNet-5, dense, pruned, shared, coded, decoded.
void reproduce_lenets(const DeepCompressionOptions& options, Claims& claims);

/// Section 3.2, figure 8: linear, density-based and Forgy first centroids at 2 .. 8 bits.
void compare_centroids(const DeepCompressionOptions& options, Claims& claims);

/// Section 5.1, figure 6: error against size with pruning, with sharing, and with both.
void compare_methods(const DeepCompressionOptions& options, Claims& claims);

/// Tables 4 and 5: what AlexNet and VGG-16 take at the paper's densities and bits, with drawn
/// weights, and what time and memory that needs.
void account_large_networks(const DeepCompressionOptions& options, Claims& claims);

}  // namespace octet::papers

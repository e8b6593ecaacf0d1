// Models of networks too large to train here: the real shapes, drawn weights.
#pragma once

#include <cstdint>
#include <string_view>

#include "framework/model.h"

namespace octet::papers {

/// AlexNet with the groups of Caffe's, without response normalisation (which has no weights), or
/// VGG-16: 60,965,224 and 138,357,544 parameters for 1000 classes. Throws Error(usage) unless the
/// name is alexnet or vgg16.
Definition large_network(std::string_view name);

/// The tensors that the definition's network would have, as `layer.weight` and `layer.bias`, with
/// weights from a Laplace distribution of variance 2 / inputs and biases from [-0.1, 0.1). Takes
/// no other memory. Layers with weights need a name. Throws Error(usage) for kinds other than
/// convolution, linear, relu and max_pool.
Model synthetic_model(const Definition& definition, std::uint64_t seed);

}  // namespace octet::papers

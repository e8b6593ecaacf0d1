// Deep networks of the zoo, whose layers are written by a loop: text for parse_definition.
#pragma once

#include <string>

namespace octet {

/// WAGE's VGG-7 with batch normalisation after every layer but the last.
std::string vgg7bn_layers();

/// The residual network of He 2015 for CIFAR: three stages of 16, 32 and 64 channels with `blocks`
/// blocks each, 6 blocks + 2 weighted layers deep; a 1x1 convolution with batch normalisation as
/// the shortcut where the shape changes.
std::string resnet_layers(int blocks);

/// The wide residual network of Zagoruyko, Komodakis 2016, normalisation before the weights: stages
/// of 16, 32 and 64 times `width` channels, 6 blocks + 2 deep. Where the shape changes the
/// shortcut's 1x1 convolution takes the block's input as it comes; the paper's takes it behind the
/// block's first batch_norm and relu, for which a path of its own has no place.
std::string wide_resnet_layers(int blocks, int width);

/// MobileNet (Howard 2017) of width 1/4 for small pictures: as published, but the first convolution
/// and the first two reductions leave the picture its size.
std::string mobilenet025_layers();

}  // namespace octet

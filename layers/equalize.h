// Cross-layer equalisation (Nagel et al. 2019, 1906.04721, section 4.1): between two weighted
// layers with nothing but ReLU, pooling and dropout in between, channel i of the first may be made
// s[i] times smaller and the second's weights on it as many times larger; the network stays the
// same function. With r1[i] and r2[i] the largest weights that make and take the channel,
//   s[i] = sqrt(r1[i] r2[i]) / r2[i]
// gives both the same range.
#pragma once

#include "framework/model.h"

namespace octet {

/// Of a float32 model; how many pairs of layers there were. What a residual block adds up, or hands
/// to two paths, stays as it is. s is at least 2^-8 and at most 2^8, and 1 where a channel has no
/// weights on one of the two sides. Throws Error(data) where tensors do not fit the definition.
int equalize(Model& model);

}  // namespace octet

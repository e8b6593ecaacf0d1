// What each layer of a network is given to encode, in float32: one pass without formats, without
// the short cuts of a planned flow, in which every place that has a range when codes are simulated
// shows its values. Places whose codes must agree, because one value reaches them all, have the
// same number.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "framework/network.h"

namespace octet {

struct Watched {
  const Layer& layer;
  std::string range;  ///< the state's name: "conv1.activation_range"
  std::size_t value;  ///< 0 for the images, then in the order in which layers make new values
  const Tensor& reals;
};

/// Whether the layer has ranges when codes are simulated: one of its input, or a block of what it
/// adds.
bool has_ranges(const Layer& layer);

/// `network`: in float32, as made by build_network(definition). `images`: N x H x W x C.
void watch_values(const Network& network, const Tensor& images,
                  const std::function<void(const Watched&)>& watch);

}  // namespace octet

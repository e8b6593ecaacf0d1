// From definition to network, and a Precision laid over it.
#pragma once

#include <string>
#include <vector>

#include "framework/network.h"
#include "quant/numbers/precision.h"

namespace octet {

/// Makes the layers of a definition. Throws Error(usage), naming the layer, for an unknown kind or
/// attribute, markers of blocks that do not match, and where there would be more than `parameters`
/// parameters.
Network build_network(const Definition& definition,
                      std::int64_t parameters = Network::most_parameters);

/// Every weighted layer of the network works in this precision from now on; smoothed ranges start
/// anew. Returns whether codes flow between the layers (layers/flow.h) or float32 does.
bool set_precision(Network& network, const Precision& precision);
/// The same, but that the layers of these names, with weights or not, stay in float32. Throws
/// Error(usage) where there is no such layer.
bool set_precision(Network& network, const Precision& precision,
                   const std::vector<std::string>& in_float);

/// The network of a model in the model's precision, its float_layers in float32, with its tensors.
/// Takes no more memory for parameters than the model has. Throws Error(usage) or Error(data).
Network build_network(const Model& model);

}  // namespace octet

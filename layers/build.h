// From definition to network, and a Precision laid over it.
#pragma once

#include "framework/network.h"
#include "quant/numbers/precision.h"

namespace octet {

/// Makes the layers of a definition. Throws Error(usage), naming the kind, for an unknown kind or
/// attribute.
Network build_network(const Definition& definition);

/// Every weighted layer of the network works in this precision from now on; smoothed ranges start
/// anew.
void set_precision(Network& network, const Precision& precision);

/// The network of a model in the model's precision, with its tensors.
Network build_network(const Model& model);

}  // namespace octet

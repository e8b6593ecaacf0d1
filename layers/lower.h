// From a network whose codes are simulated to the same in integers: batch norms and ReLUs go into
// the products before them, every scale becomes a multiplier and a shift. What the network gives in
// evaluation, layer by layer, and what the result gives are the same codes.
// Jacob et al. 2017 (1712.05877), section 2.
#pragma once

#include "framework/network.h"
#include "quant/integer/integer_network.h"

namespace octet {

/// `model`: trained or calibrated with simulated codes, such as those of integer-arithmetic-only.
/// Throws Error(usage), naming the layer and the reason, where the network has no integer form or
/// has not seen a batch yet, Error(data) where tensors do not fit.
IntegerNetwork lower(const Model& model, RequantRounding rounding = RequantRounding::half_even);
IntegerNetwork lower(const Network& network, const std::string& precision,
                     RequantRounding rounding = RequantRounding::half_even);

}  // namespace octet

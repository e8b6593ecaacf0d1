// What a model's products see, as a model in float32.
#pragma once

#include "framework/model.h"

namespace octet {

/// The model with precision float32 and, as weights, those that its products see: decoded from the
/// formats of each layer with the scales that go with them. Activations and errors lose their
/// formats. Throws Error where the model is damaged.
Model float_weights(const Model& model);

}  // namespace octet

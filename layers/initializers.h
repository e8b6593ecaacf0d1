// Initial weights, uniform in [-limit, limit] so that they need only exact arithmetic and are the
// same on every machine. He 2015: limit = sqrt(6 / inputs); Glorot 2010: sqrt(6 / (inputs +
// outputs)); PyTorch's layers: 1 / sqrt(inputs); inputs and outputs being those of one unit. Dirac
// (Jordan 2024): as PyTorch's, but that the first filters, as many as there are input channels,
// pass one channel on as it is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "framework/tensor.h"

namespace octet {

enum class Initializer { he, glorot, pytorch, dirac, whitening };

std::string_view name_of(Initializer initializer);
/// "he", "glorot", "pytorch", "dirac" or "whitening" (layers/whitening.h; PyTorch's until then);
/// throws Error(usage) otherwise.
Initializer parse_initializer(std::string_view name);

/// Uniform in [-limit, limit], from (seed, name).
void fill_uniform(Tensor& weight, float limit, std::uint64_t seed, std::string_view name);

/// Fills a weight with `inputs` and `outputs` a unit, from (seed, name). Throws Error(usage) for
/// dirac weights of other than a convolution with an odd kernel.
void initialize(Tensor& weight, Initializer initializer, std::int64_t inputs, std::int64_t outputs,
                std::uint64_t seed, std::string_view name);

}  // namespace octet

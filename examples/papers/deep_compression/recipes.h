// How the LeNets are trained and compressed. Every figure was chosen on validation pictures.
#pragma once

#include <string_view>

#include "examples/papers/deep_compression/experiments.h"
#include "examples/papers/deep_compression/pipeline.h"

namespace octet::papers {

/// lenet300 or lenet5, after the options; shorter with --quick. Throws Error(usage) for other names
/// and options that do not fit.
Recipe recipe_of(std::string_view network, const DeepCompressionOptions& options);

/// MNIST as a seed divides it; fewer training pictures with --quick.
Task load_digits(const DeepCompressionOptions& options, std::uint64_t seed);

/// The same; throws Error(usage) where --validation leaves no pictures to compare `what` on.
Task load_validated_digits(const DeepCompressionOptions& options, std::uint64_t seed,
                           std::string_view what);

}  // namespace octet::papers

// How the LeNets are trained and compressed. Every figure was chosen on validation pictures.
#pragma once

#include <string_view>

#include "examples/papers/deep_compression/experiments.h"
#include "examples/papers/deep_compression/pipeline.h"

namespace octet::papers {

/// lenet300 or lenet5, after the options; shorter with --quick. Throws Error(usage) for other names
/// and options that do not fit.
Recipe recipe_of(std::string_view network, const DeepCompressionOptions& options);

/// Training pictures to use: fewer with --quick; 0 for all.
std::int64_t training_pictures(const DeepCompressionOptions& options);

}  // namespace octet::papers

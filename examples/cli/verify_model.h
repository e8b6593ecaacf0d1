// octet verify MODEL: the network that trains, in evaluation, against the same in integers.
#pragma once

#include <string>

#include "examples/cli/session.h"

namespace octet::cli {

/// Compares all codes of all layers on the test pictures of `data` (the model's own data set where
/// empty), and on the first `plain` pictures also those of the loops that define the integers.
/// Returns the exit code.
int verify_model(const std::string& file, const std::string& data, std::int64_t plain,
                 const CommonOptions& common);

}  // namespace octet::cli

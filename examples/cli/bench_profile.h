// Where the time of a training step goes, beside what the machine could do.
#pragma once

#include "examples/cli/workload.h"

namespace octet::cli {

/// Trains on random pictures for about `seconds`, prints a table by layer, pass and part, and with
/// `json` one object.
void profile_training(const WorkOptions& options, double seconds, bool json);

}  // namespace octet::cli

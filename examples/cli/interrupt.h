// SIGINT and SIGTERM: remembered, and acted upon between two steps.
#pragma once

#include <string>

namespace octet::cli {

/// Thrown once the work is saved; the program exits with 128 + signal.
struct Interrupted {
  int signal;
  std::string note;  ///< ": saved in ..."
};

/// From now on the two signals are remembered instead of ending the program; a second one of the
/// same kind ends it at once.
void catch_interrupts();
/// From now on the two signals end the program again, at once.
void release_interrupts();
/// The signal that came, or 0.
int interrupt();

}  // namespace octet::cli

// User errors: what was expected and what came. Only main catches them; the kind is the exit code.
// Programmer errors are assert.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace octet {

/// Why a program ends; the values are the exit codes of `octet`.
enum class Failure {
  failed = 1,    ///< the work could not be done (disk, memory, system)
  usage = 2,     ///< an option, a definition or a recipe is wrong
  bound = 3,     ///< a demanded bound was not met
  data = 4,      ///< a file is missing or damaged
  numbers = 5,   ///< NaN or overflow
  mismatch = 6,  ///< a decoded or exported model differs
};

class Error : public std::runtime_error {
 public:
  Error(Failure why, const std::string& message) : std::runtime_error(message), kind(why) {}
  const Failure kind;
};

template <class... Parts>
std::string join(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

template <class... Parts>
[[noreturn]] void fail(Failure kind, const Parts&... parts) {
  throw Error(kind, join(parts...));
}

/// Throws Error unless `condition` holds; the parts are printed one after the other.
template <class... Parts>
void check(bool condition, Failure kind, const Parts&... parts) {
  if (!condition) fail(kind, parts...);
}

}  // namespace octet

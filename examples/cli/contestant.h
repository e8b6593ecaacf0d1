// A child process that measures steps when it is told to. Lines over one socket, its stdin and
// stdout:  `steps K` -> the seconds K steps took;  `quit` -> the growth of its peak memory in
// bytes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace octet::cli {

/// Thrown where a contestant ends with exit code 77: it cannot take part, for the reason it gives.
struct Declined {
  std::string reason;
};

class Contestant {
 public:
  /// Starts `command`, found as a shell would. `name` stands in messages: "pytorch bf16".
  Contestant(std::string name, const std::vector<std::string>& command);
  Contestant(const Contestant&) = delete;
  Contestant& operator=(const Contestant&) = delete;
  /// Ends the child, whatever it does.
  ~Contestant();

  const std::string& name() const { return name_; }

  // Both throw Error(failed) with the child's last line on stderr when it dies or answers anything
  // but a number, Declined, and Interrupted when a signal came meanwhile (see interrupt.h).
  double steps(std::int64_t count);
  /// The peak memory, in bytes; the last question.
  std::int64_t quit();

  /// The child's last line on stderr so far.
  std::string last_words() const;

 private:
  double ask(const std::string& line);
  std::string receive_line();
  [[noreturn]] void explain_end();
  bool has_ended();

  std::string name_;
  pid_t child_ = -1;
  int socket_ = -1, errors_ = -1;
  int status_ = 0;
  std::string received_;
};

/// The exit code of a program without input or output; -1 where it cannot be started.
int run_quietly(const std::vector<std::string>& command);

}  // namespace octet::cli

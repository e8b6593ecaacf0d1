// Where the time of a step goes. A scope adds its own time, without that of the scopes inside it,
// to a table keyed by (layer, pass, part), so the rows sum to the whole:
//   profile::Scope scope("conv1", "forward", "int8 product", operations, bytes);
// Off, which is the usual state, a scope costs the test of a flag. Each thread has its own state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace octet::profile {

/// The sums of all scopes of one key.
struct Row {
  std::string layer, pass, part;
  std::int64_t calls = 0;
  double seconds = 0;     ///< without the scopes inside
  double operations = 0;  ///< 2 for a multiply-accumulate
  double bytes = 0;       ///< read and written, at least
};

/// Whether the scopes of this thread count.
inline constinit thread_local bool on = false;

/// Empties the table and counts from now on, on this thread. No scope may be open, here and in
/// stop.
void start();
/// Ends the counting; the rows in the order in which they first came.
std::vector<Row> stop();

/// The layer and the pass of the innermost open scope; empty when there is none.
std::string_view layer();
std::string_view pass();

class Scope {
 public:
  Scope(std::string_view layer, std::string_view pass, std::string_view part, double operations = 0,
        double bytes = 0)
      : open_(on) {
    if (open_) open(layer, pass, part, operations, bytes);
  }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  ~Scope() {
    if (open_) close();
  }
  /// Adds what is known only later.
  void add_bytes(std::size_t bytes);
  /// Counts so many of this scope's seconds as those of another part of the same layer and pass:
  /// what was done between the blocks of its work.
  void hand_over(std::string_view part, double seconds);

 private:
  void open(std::string_view layer, std::string_view pass, std::string_view part, double operations,
            double bytes);
  void close();
  static std::size_t find(std::string_view layer, std::string_view pass, std::string_view part);

  bool open_;
  std::size_t row_ = 0;
};

}  // namespace octet::profile

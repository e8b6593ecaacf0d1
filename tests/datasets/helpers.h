// What the tests of files share: the environment, files, and the message of an expected Error.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "framework/check.h"
#include "framework/files.h"
#include "framework/random.h"
#include "tests/support.h"

namespace octet {

using test::TemporaryFolder;

/// Sets a variable of the environment, or unsets it when `value` is null, and puts it back.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old, was_set_ = true;
    set(value);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() { set(was_set_ ? old_.c_str() : nullptr); }

 private:
  void set(const char* value) const {
    value != nullptr ? setenv(name_, value, 1) : unsetenv(name_);
  }
  const char* name_;
  std::string old_;
  bool was_set_ = false;
};

/// Creates the folders above `file` and writes it.
inline void put(const std::filesystem::path& file, const Bytes& bytes) {
  std::filesystem::create_directories(file.parent_path());
  write_file(file, bytes.data(), bytes.size());
}

/// The one-line message of the Error of this kind that `body` throws.
template <class Body>
std::string error_of(Failure kind, const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    CHECK(error.kind == kind);
    const std::string message = error.what();
    CHECK(message.find('\n') == std::string::npos);
    return message;
  }
  FAIL_CHECK("expected an Error");
  return "";
}

inline bool contains(const std::string& text, const std::string& part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) MESSAGE("'", part, "' is not in: ", text);
  return found;
}

/// A damaged copy: up to four changed bytes, and half of the time cut or lengthened.
inline Bytes damage(Bytes bytes, std::uint32_t number) {
  const std::uint64_t key = random_key(0, stream_of("damage"), number);
  const auto below = [&](std::uint32_t draw, std::size_t count) {
    return uniform_below(key, draw, static_cast<std::uint32_t>(count));
  };
  for (std::uint32_t flips = below(0, 5); flips > 0; --flips)
    bytes[below(flips, bytes.size())] = static_cast<std::uint8_t>(below(10 + flips, 256));
  if (const std::uint32_t change = below(20, 4); change < 2)
    bytes.resize(change == 0 ? below(21, bytes.size() + 1) : bytes.size() + 1 + below(21, 40));
  return bytes;
}

/// Calls body on damaged copies: each either passes or throws Error(data). Both must happen.
template <class Body>
void fuzz(const Bytes& good, std::uint32_t cases, const Body& body) {
  std::uint32_t passed = 0, refused = 0;
  for (std::uint32_t number = 0; number < cases; ++number) try {
      body(damage(good, number));
      ++passed;
    } catch (const Error& error) {
      ++refused;
      if (error.kind != Failure::data) FAIL_CHECK(error.what());
    }
  CHECK(passed > 0);
  CHECK(refused > 0);
}

}  // namespace octet

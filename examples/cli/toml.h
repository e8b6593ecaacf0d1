// The part of TOML (toml.io, read by toml++) that a sweep is written in, in the order of the file
// and with the line of every entry: key = value with strings, numbers, true and false and arrays of
// these, [table] and [[table]]. Anything else is refused by its line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace octet::cli::toml {

enum class Kind { string, number, boolean };
struct Scalar {
  Kind kind = Kind::string;
  std::string text;  ///< a number by its fewest digits, a string without quotes
  /// The number, where it is one of kind number.
  double number() const;
  bool operator==(const Scalar&) const = default;
};

struct Entry {
  std::string key;
  int line = 0;
  bool array = false;
  std::vector<Scalar> values;  ///< one, unless `array`
};

struct Table {
  std::string name;  ///< empty for the entries before the first header
  int line = 0;
  bool element = false;  ///< of an array of tables, [[name]]
  std::vector<Entry> entries;
};

/// The tables in the order of the file; the first is the nameless one. Throws Error(usage),
/// "file:line: ...", for what is not understood, a key given twice and a table given twice.
std::vector<Table> parse(std::string_view text, const std::string& file);

}  // namespace octet::cli::toml

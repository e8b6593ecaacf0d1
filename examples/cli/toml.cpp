#include "examples/cli/toml.h"

#include <toml++/toml.h>

#include <algorithm>
#include <charconv>

#include "framework/check.h"
#include "framework/text.h"

namespace octet::cli::toml {
namespace {

class Reader {
 public:
  explicit Reader(const std::string& file) : file_(file) {}

  std::vector<Table> read(const ::toml::table& root) const {
    std::vector<Table> tables(1);
    add(root, tables[0]);
    for (const auto& [key, node] : root) {
      const std::string name(key.str());
      if (const ::toml::table* table = node.as_table()) {
        add_table(name, *table, false, tables);
      } else if (is_tables(node)) {
        for (const ::toml::node& element : *node.as_array())
          add_table(name, *element.as_table(), true, tables);
      }
    }
    // The library keeps keys in alphabetic order; the file's is by place.
    std::sort(tables.begin() + 1, tables.end(),
              [](const Table& a, const Table& b) { return a.line < b.line; });
    return tables;
  }

 private:
  static int line_of(const ::toml::source_region& source) {
    return static_cast<int>(source.begin.line);
  }
  static bool is_tables(const ::toml::node& node) {
    return node.is_array() && !node.as_array()->empty() &&
           node.as_array()->is_homogeneous(::toml::node_type::table);
  }

  void add_table(const std::string& name, const ::toml::table& from, bool element,
                 std::vector<Table>& tables) const {
    Table& table = tables.emplace_back();
    table.name = name;
    table.line = line_of(from.source());
    table.element = element;
    add(from, table);
    for (const auto& [key, node] : from)
      if (node.is_table() || is_tables(node))
        fail(Failure::usage, file_, ":", line_of(key.source()), ": expected no table within ", name,
             ", got ", std::string(key.str()));
  }

  void add(const ::toml::table& from, Table& table) const {
    std::vector<std::pair<::toml::source_position, Entry>> entries;
    for (const auto& [key, node] : from) {
      if (node.is_table() || is_tables(node)) continue;
      Entry entry{.key = std::string(key.str()), .line = line_of(key.source())};
      entry.array = node.is_array();
      if (entry.array) {
        for (const ::toml::node& value : *node.as_array())
          entry.values.push_back(scalar(value, entry));
      } else {
        entry.values.push_back(scalar(node, entry));
      }
      entries.emplace_back(key.source().begin, std::move(entry));
    }
    std::sort(entries.begin(), entries.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    for (auto& [place, entry] : entries) table.entries.push_back(std::move(entry));
  }

  Scalar scalar(const ::toml::node& node, const Entry& entry) const {
    if (const auto text = node.as_string()) return {Kind::string, text->get()};
    if (const auto number = node.as_integer()) return {Kind::number, shortest(number->get())};
    if (const auto number = node.as_floating_point())
      return {Kind::number, shortest(number->get())};
    if (const auto truth = node.as_boolean())
      return {Kind::boolean, truth->get() ? "true" : "false"};
    fail(Failure::usage, file_, ":", entry.line, ": ", entry.key,
         ": expected a number, true, false, \"text\" or a list of these");
  }

  const std::string& file_;
};

}  // namespace

double Scalar::number() const {
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::vector<Table> parse(std::string_view text, const std::string& file) {
  try {
    return Reader(file).read(::toml::parse(text, file));
  } catch (const ::toml::parse_error& error) {
    fail(Failure::usage, file, ":", error.source().begin.line, ": ", error.description());
  }
}

}  // namespace octet::cli::toml

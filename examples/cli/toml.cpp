#include "examples/cli/toml.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "framework/check.h"

namespace octet::cli::toml {
namespace {

bool is_bare(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_'; }

// A number of TOML, decimal: no sign or digit left out, underscores between digits.
bool is_number(const std::string& text) {
  std::size_t at = text.starts_with('-') || text.starts_with('+') ? 1 : 0;
  const auto digits = [&] {
    const std::size_t begin = at;
    while (at < text.size() && std::isdigit(static_cast<unsigned char>(text[at]))) ++at;
    return at > begin;
  };
  if (!digits()) return false;
  if (at < text.size() && text[at] == '.' && (++at, !digits())) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    if (!digits()) return false;
  }
  return at == text.size();
}

class Parser {
 public:
  Parser(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  std::vector<Table> parse() {
    std::vector<Table> tables(1);
    for (skip_lines(); at_ < text_.size(); skip_lines()) {
      if (text_[at_] == '[') {
        tables.push_back(read_header(tables));
      } else {
        add_entry(tables.back());
      }
      end_of_line();
    }
    return tables;
  }

 private:
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    fail(Failure::usage, file_, ":", line_, ": ", parts...);
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\n'; }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void skip_blanks() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\r') ++at_;
    if (peek() == '#')
      while (peek() != '\n') ++at_;
  }
  void skip_lines() {
    for (skip_blanks(); take('\n'); skip_blanks()) ++line_;
  }
  void end_of_line() {
    skip_blanks();
    if (peek() != '\n') refuse("expected the end of the line, got '", rest_of_line(), "'");
  }
  std::string rest_of_line() const {
    const std::string_view rest = text_.substr(at_, text_.find('\n', at_) - at_);
    return std::string(rest.substr(0, 40));
  }

  std::string read_key() {
    if (peek() == '"' || peek() == '\'') return read_string();
    const std::size_t begin = at_;
    while (is_bare(peek())) ++at_;
    if (at_ == begin) refuse("expected key = value or [table], got '", rest_of_line(), "'");
    return std::string(text_.substr(begin, at_ - begin));
  }

  Table read_header(const std::vector<Table>& tables) {
    Table table{.line = line_};
    take('[');
    table.element = take('[');
    skip_blanks();
    table.name = read_key();
    skip_blanks();
    if (!take(']') || (table.element && !take(']')))
      refuse("expected [table] or [[table]], got '", rest_of_line(), "' after the name ",
             table.name);
    for (const Table& other : tables)
      if (other.name == table.name && !(other.element && table.element))
        refuse("the table ", table.name, " is in line ", other.line, " already");
    return table;
  }

  void add_entry(Table& table) {
    Entry entry{.line = line_};
    entry.key = read_key();
    skip_blanks();
    if (!take('=')) refuse("expected ", entry.key, " = value, got '", rest_of_line(), "'");
    skip_blanks();
    for (const Entry& other : table.entries)
      if (other.key == entry.key) refuse(entry.key, " is given in line ", other.line, " already");
    entry.array = take('[');
    if (!entry.array) {
      entry.values.push_back(read_scalar(entry.key));
    } else {
      for (skip_lines(); !take(']'); skip_lines()) {
        if (at_ >= text_.size())
          refuse(entry.key, ": the list that begins in line ", entry.line, " has no end");
        entry.values.push_back(read_scalar(entry.key));
        skip_lines();
        if (!take(',') && peek() != ']')
          refuse(entry.key, ": expected , or ] after a value, got '", rest_of_line(), "'");
      }
    }
    table.entries.push_back(std::move(entry));
  }

  Scalar read_scalar(const std::string& key) {
    if (peek() == '"' || peek() == '\'') return {Kind::string, read_string()};
    const std::size_t begin = at_;
    while (is_bare(peek()) || peek() == '+' || peek() == '.') ++at_;
    std::string word(text_.substr(begin, at_ - begin));
    if (word == "true" || word == "false") return {Kind::boolean, word};
    std::string plain = word;
    std::erase(plain, '_');
    if (!is_number(plain))
      refuse(key, ": expected a number, true, false, \"text\" or a list of these, got '",
             word.empty() ? rest_of_line() : word, "'");
    return {Kind::number, plain};
  }

  std::string read_string() {
    const char quote = text_[at_++];
    std::string value;
    for (; peek() != quote; ++at_) {
      if (peek() == '\n') refuse("expected ", quote, " at the end of the text ", quote, value);
      value += quote == '"' && text_[at_] == '\\' ? escaped() : text_[at_];
    }
    ++at_;
    return value;
  }

  char escaped() {
    ++at_;
    constexpr std::string_view names = "\"\\tn", means = "\"\\\t\n";
    const std::size_t which = names.find(peek());
    if (peek() == '\n' || which == std::string_view::npos)
      refuse("expected \\\", \\\\, \\t or \\n in a text, got '\\", peek() == '\n' ? ' ' : peek(),
             "'");
    return means[which];
  }

  std::string_view text_;
  const std::string& file_;
  std::size_t at_ = 0;
  int line_ = 1;
};

}  // namespace

double Scalar::number() const {
  double value = 0;
  const char* begin = text.data() + (text.starts_with('+') ? 1 : 0);
  std::from_chars(begin, text.data() + text.size(), value);
  return value;
}

std::vector<Table> parse(std::string_view text, const std::string& file) {
  return Parser(text, file).parse();
}

}  // namespace octet::cli::toml

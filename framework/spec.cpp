#include "framework/spec.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "framework/check.h"

namespace octet {
namespace {

// Bounds on what a definition from a stranger may ask for.
constexpr std::size_t max_text = 1 << 20;
constexpr std::size_t max_layers = 4096;

bool is_word(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '-' || c == '.' || c == '*';
  });
}

std::vector<std::string_view> split_words(std::string_view line) {
  std::vector<std::string_view> words;
  std::size_t at = 0;
  while (at < line.size()) {
    const std::size_t begin = line.find_first_not_of(" \t\r", at);
    if (begin == std::string_view::npos || line[begin] == '#') break;
    const std::size_t end = std::min(line.find_first_of(" \t\r#", begin), line.size());
    words.push_back(line.substr(begin, end - begin));
    at = end;
  }
  return words;
}

Spec parse_line(const std::vector<std::string_view>& words, const std::string& where) {
  Spec spec;
  check(is_word(words[0]), Failure::usage, where, "expected a kind of layer, got '", words[0], "'");
  spec.kind = words[0];
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::size_t equals = words[i].find('=');
    check(equals != std::string_view::npos && is_word(words[i].substr(0, equals)) &&
              is_word(words[i].substr(equals + 1)),
          Failure::usage, where, "expected key=value, got '", words[i], "'");
    const std::string key(words[i].substr(0, equals));
    check(!spec.find(key), Failure::usage, where, key, " is given twice");
    spec.set(key, std::string(words[i].substr(equals + 1)));
  }
  return spec;
}

}  // namespace

Spec& Spec::set(std::string key, std::string value) {
  attributes.emplace_back(std::move(key), std::move(value));
  return *this;
}

Spec& Spec::set(std::string key, std::int64_t value) {
  return set(std::move(key), std::to_string(value));
}

Spec& Spec::set_unless(std::string key, std::int64_t value, std::int64_t usual) {
  return value == usual ? *this : set(std::move(key), value);
}

const std::string* Spec::find(std::string_view key) const {
  for (const auto& [name, value] : attributes)
    if (name == key) return &value;
  return nullptr;
}

const std::string* SpecReader::take(std::string_view key) {
  taken_.emplace_back(key);
  return spec_.find(key);
}

std::int64_t SpecReader::integer(std::string_view key, std::int64_t least, std::int64_t most) {
  const std::string* text = take(key);
  check(text != nullptr, Failure::usage, spec_.kind, ": ", key, "= is missing");
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  check(
      error == std::errc{} && end == text->data() + text->size() && value >= least && value <= most,
      Failure::usage, spec_.kind, ": ", key, " must be a whole number from ", least, " to ", most,
      ", got ", *text);
  return value;
}

std::int64_t SpecReader::integer(std::string_view key, std::int64_t least, std::int64_t most,
                                 std::int64_t usual) {
  if (spec_.find(key)) return integer(key, least, most);
  take(key);
  return usual;
}

double SpecReader::real(std::string_view key, double least, double most, double usual) {
  const std::string* text = take(key);
  if (!text) return usual;
  double value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  check(
      error == std::errc{} && end == text->data() + text->size() && value >= least && value <= most,
      Failure::usage, spec_.kind, ": ", key, " must be a number from ", least, " to ", most,
      ", got ", *text);
  return value;
}

std::string SpecReader::word(std::string_view key, std::string_view usual) {
  const std::string* text = take(key);
  return text ? *text : std::string(usual);
}

void SpecReader::finish() const {
  for (const auto& [key, value] : spec_.attributes) {
    if (std::find(taken_.begin(), taken_.end(), key) != taken_.end()) continue;
    std::string known;
    for (const std::string& name : taken_) known += " " + name;
    fail(Failure::usage, spec_.kind, ": unknown attribute '", key, "', expected one of:", known);
  }
}

std::string print(const Definition& definition) {
  std::string text = "network name=" + definition.name + " input=" + print(definition.input) + "\n";
  for (const Spec& layer : definition.layers) {
    text += layer.kind;
    for (const auto& [key, value] : layer.attributes) text += " " + key + "=" + value;
    text += "\n";
  }
  return text;
}

Definition parse_definition(std::string_view text, std::string_view source, std::int64_t classes) {
  check(text.size() <= max_text, Failure::usage, source, ": a definition has at most ", max_text,
        " bytes, got ", text.size());
  Definition definition;
  bool begun = false;
  int number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::vector<std::string_view> words = split_words(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (words.empty()) continue;
    const std::string where = join(source, ":", number, ": ");
    Spec spec = parse_line(words, where);
    if (!begun) {
      const std::string* input = spec.find("input");
      check(spec.kind == "network" && input, Failure::usage, where,
            "expected 'network name=NAME input=HxWxC' first, got '", words[0], "'");
      SpecReader reader(spec);
      definition.name = reader.word("name", "network");
      definition.input = parse_shape(reader.word("input", ""));
      reader.finish();
      check(definition.input.rank() == 3, Failure::usage, where,
            "input must be height x width x channels, got ", *input);
      begun = true;
      continue;
    }
    check(definition.layers.size() < max_layers, Failure::usage, where, "more than ", max_layers,
          " layers");
    for (auto& [key, value] : spec.attributes)
      if (classes > 0 && value == "classes") value = std::to_string(classes);
    definition.layers.push_back(std::move(spec));
  }
  check(begun, Failure::usage, source, ": expected 'network name=NAME input=HxWxC', got nothing");
  check(!definition.layers.empty(), Failure::usage, source, ": the network has no layers");
  return definition;
}

}  // namespace octet

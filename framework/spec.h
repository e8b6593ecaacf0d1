// A network described as data. One layer a line, "#" starts a comment:
//
//   network name=lenet5 input=28x28x1
//   convolution channels=20 kernel=5
//   max_pool window=2
//   linear units=classes
//
// A block is bracketed by marker lines: residual, its main path, shortcut and its layers (left out
// where the shortcut is the identity), end.
//
// Layers without name= are called conv1, pool1, fc1, ... in order; "classes" is the data's number.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "framework/tensor.h"

namespace octet {

/// A layer as data: its kind and its attributes.
struct Spec {
  std::string kind;
  std::vector<std::pair<std::string, std::string>> attributes;

  Spec& set(std::string key, std::string value);
  Spec& set(std::string key, std::int64_t value);
  /// Appends the attribute only when it differs from what a definition may leave out.
  Spec& set_unless(std::string key, std::int64_t value, std::int64_t usual);
  const std::string* find(std::string_view key) const;
  bool operator==(const Spec&) const = default;
};

/// Reads the attributes of a Spec and, at finish(), refuses those that nobody asked for.
/// Every message names the layer's kind, the attribute and what was expected: Error(usage).
class SpecReader {
 public:
  explicit SpecReader(const Spec& spec) : spec_(spec) {}
  std::int64_t integer(std::string_view key, std::int64_t least, std::int64_t most);
  std::int64_t integer(std::string_view key, std::int64_t least, std::int64_t most,
                       std::int64_t usual);
  double real(std::string_view key, double least, double most, double usual);
  std::string word(std::string_view key, std::string_view usual);
  void finish() const;

 private:
  const std::string* take(std::string_view key);
  const Spec& spec_;
  std::vector<std::string> taken_;
};

struct Definition {
  std::string name;
  Shape input;  ///< H x W x C
  std::vector<Spec> layers;
  bool operator==(const Definition&) const = default;
};

std::string print(const Definition& definition);

/// Reads a definition; `source` names it in messages, `classes` replaces the word "classes" (left
/// as it is when 0). Throws Error(usage) with the line's number.
Definition parse_definition(std::string_view text, std::string_view source,
                            std::int64_t classes = 0);

}  // namespace octet

// Numbers as text.
#pragma once

#include <charconv>
#include <string>

namespace octet {

/// The shortest text that is read back as the same number.
template <class Number>
std::string shortest(Number number) {
  char text[64];
  return {text, std::to_chars(text, text + sizeof text, number).ptr};
}

}  // namespace octet

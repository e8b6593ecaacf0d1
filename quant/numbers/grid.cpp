#include "quant/numbers/grid.h"

#include <charconv>

#include "framework/check.h"

namespace octet {
namespace {

// Reads `text` = prefix + whole number; -1 when it is something else.
int number_after(std::string_view text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return -1;
  text.remove_prefix(prefix.size());
  int number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() ? number : -1;
}

}  // namespace

int Grid::most() const {
  if (kind == Kind::midrise) return (1 << bits) - 1;
  if (kind != Kind::integer) return 1;
  return is_signed ? (1 << (bits - 1)) - 1 : (1 << bits) - 1;
}

int Grid::least() const {
  if (kind == Kind::integer && !is_signed) return 0;
  return -most();
}

std::string print(const Grid& grid) {
  switch (grid.kind) {
    case Grid::Kind::midrise:
      return "midrise" + std::to_string(grid.bits);
    case Grid::Kind::posit:
      return join("posit<", grid.bits, ",", grid.exponent, ">");
    case Grid::Kind::codebook:
      return "codebook" + std::to_string(grid.levels);
    case Grid::Kind::binary:
      return "binary";
    case Grid::Kind::ternary:
      return "ternary";
    case Grid::Kind::integer:
      return (grid.is_signed ? "int" : "uint") + std::to_string(grid.bits);
    case Grid::Kind::floating:
      break;
  }
  if (grid.is_float32()) return "f32";
  if (grid.exponent == 8 && grid.mantissa == 7) return "bf16";
  if (grid.exponent == 5 && grid.mantissa == 10) return "f16";
  return join("float<", grid.exponent, ",", grid.mantissa, ">");
}

Grid parse_grid(std::string_view text) {
  using Kind = Grid::Kind;
  if (text == "f32") return {};
  if (text == "bf16") return {.exponent = 8, .mantissa = 7};
  if (text == "f16") return {.exponent = 5, .mantissa = 10};
  if (text == "binary") return {.kind = Kind::binary};
  if (text == "ternary") return {.kind = Kind::ternary};
  if (const int bits = number_after(text, "int"); bits >= 2 && bits <= 23)
    return {.kind = Kind::integer, .bits = bits};
  if (const int bits = number_after(text, "uint"); bits >= 1 && bits <= 22)
    return {.kind = Kind::integer, .bits = bits, .is_signed = false};
  if (const int bits = number_after(text, "midrise"); bits >= 1 && bits <= 7)
    return {.kind = Kind::midrise, .bits = bits};
  if (const int levels = number_after(text, "codebook"); levels >= 2 && levels <= 256)
    return {.kind = Kind::codebook, .levels = levels};
  for (const bool is_float : {true, false}) {
    if (!text.starts_with(is_float ? "float<" : "posit<") || !text.ends_with(">")) continue;
    const std::string_view inside = text.substr(6, text.size() - 7);
    const std::size_t comma = inside.find(',');
    if (comma == std::string_view::npos) continue;
    const int one = number_after(inside.substr(0, comma), "");
    const int two = number_after(inside.substr(comma + 1), "");
    if (is_float && one >= 2 && one <= 8 && two >= 1 && two <= 23)
      return {.exponent = one, .mantissa = two};
    if (!is_float && one >= 3 && one <= 16 && two >= 0 && two <= 2)
      return {.kind = Kind::posit, .exponent = two, .bits = one};
  }
  fail(Failure::usage, "unknown grid '", text,
       "', expected f32, bf16, f16, float<2-8,1-23>, int2-23, uint1-22, midrise1-7, binary, "
       "ternary, posit<3-16,0-2> or codebook2-256");
}

}  // namespace octet

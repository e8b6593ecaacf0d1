#include "quant/numbers/format.h"

#include <charconv>

#include "framework/check.h"

namespace octet {
namespace {

void parse_part(std::string_view part, std::string_view whole, Format& format) {
  using Rule = Scaling::Rule;
  Scaling& scaling = format.scaling;
  const auto set_rule = [&](Rule rule) {
    check(scaling.rule == Rule::none, Failure::usage, "format '", whole, "' has two scalings");
    scaling.rule = rule;
  };
  if (part == "absmax") return set_rule(Rule::absmax);
  if (part == "minmax") return set_rule(Rule::minmax);
  if (part == "pow2") return set_rule(Rule::pow2);
  if (part == "meanabs") return set_rule(Rule::meanabs);
  if (part == "channel") return void(scaling.channel = true);
  if (part == "smooth") return void(scaling.smooth = true);
  if (part == "stochastic") return void(format.rounding = Rounding::stochastic);
  if (part.starts_with("step")) {
    const char* const end = part.data() + part.size();
    const auto [stop, error] = std::from_chars(part.data() + 4, end, scaling.fraction);
    if (error == std::errc{} && stop == end && std::abs(scaling.fraction) <= 32)
      return set_rule(Rule::step);
  }
  fail(Failure::usage, "format '", whole, "': unknown part '", part,
       "', expected step-32..step32, absmax, minmax, pow2, meanabs, channel, smooth or stochastic");
}

void verify(const Format& format, std::string_view text) {
  using Kind = Grid::Kind;
  using Rule = Scaling::Rule;
  const Rule rule = format.scaling.rule;
  const auto refuse = [&](std::string_view why) {
    fail(Failure::usage, "format '", text, "': ", why);
  };
  if (format.grid.kind == Kind::floating) {
    if (rule != Rule::none) refuse("a floating grid takes no scaling");
    if (format.is_float32() && format.rounding == Rounding::stochastic)
      refuse("f32 is not rounded");
  } else if (rule == Rule::none) {
    refuse("expected a scaling: step, absmax, minmax, pow2 or meanabs");
  }
  const bool ranged = rule == Rule::absmax || rule == Rule::minmax || rule == Rule::pow2;
  if (format.scaling.smooth && !ranged) refuse("smooth goes with absmax, minmax or pow2");
  if (format.scaling.smooth && format.scaling.channel)
    refuse("smooth and channel exclude each other");
  if (format.scaling.channel && (rule == Rule::none || rule == Rule::step || rule == Rule::minmax))
    refuse("channel goes with absmax, pow2 or meanabs");
  if (rule == Rule::minmax && format.grid.kind != Kind::integer)
    refuse("minmax needs an integer grid");
  if (rule == Rule::pow2 && (format.grid.kind != Kind::integer || format.grid.bits < 3))
    refuse("pow2 needs an integer grid of at least 3 bits");
  if (rule == Rule::meanabs && format.grid.kind == Kind::integer)
    refuse("meanabs needs a binary or ternary grid");
}

}  // namespace

Element Format::element() const {
  switch (grid.kind) {
    case Grid::Kind::floating:
      return Element::float32;
    case Grid::Kind::binary:
    case Grid::Kind::ternary:
      return Element::int8;
    case Grid::Kind::integer:
      break;
  }
  if (grid.bits > 8) return Element::float32;
  return grid.is_signed ? Element::int8 : Element::uint8;
}

std::string print(const Format& format) {
  std::string text = print(format.grid);
  switch (format.scaling.rule) {
    case Scaling::Rule::none:
      break;
    case Scaling::Rule::step:
      text += "/step" + std::to_string(format.scaling.fraction);
      break;
    case Scaling::Rule::absmax:
      text += "/absmax";
      break;
    case Scaling::Rule::minmax:
      text += "/minmax";
      break;
    case Scaling::Rule::pow2:
      text += "/pow2";
      break;
    case Scaling::Rule::meanabs:
      text += "/meanabs";
      break;
  }
  if (format.scaling.channel) text += "/channel";
  if (format.scaling.smooth) text += "/smooth";
  if (format.rounding == Rounding::stochastic) text += "/stochastic";
  return text;
}

Format parse_format(std::string_view text) {
  const std::string_view whole = text;
  Format format;
  std::size_t slash = std::min(text.find('/'), text.size());
  format.grid = parse_grid(text.substr(0, slash));
  while (slash < text.size()) {
    text.remove_prefix(slash + 1);
    slash = std::min(text.find('/'), text.size());
    parse_part(text.substr(0, slash), whole, format);
  }
  verify(format, whole);
  return format;
}

}  // namespace octet

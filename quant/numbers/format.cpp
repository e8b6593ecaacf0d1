#include "quant/numbers/format.h"

#include <charconv>

#include "framework/check.h"
#include "framework/text.h"

namespace octet {
namespace {

// Reads `part` = prefix + number; false when it is something else.
template <class Number>
bool read_after(std::string_view part, std::string_view prefix, Number& number) {
  if (!part.starts_with(prefix)) return false;
  const char* const end = part.data() + part.size();
  const auto [stop, error] = std::from_chars(part.data() + prefix.size(), end, number);
  return error == std::errc{} && stop == end;
}

struct NamedRule {
  const char* name;
  Scaling::Rule rule;
};
constexpr NamedRule named_rules[] = {
    {"absmax", Scaling::Rule::absmax},     {"minmax", Scaling::Rule::minmax},
    {"pow2", Scaling::Rule::pow2},         {"meanabs", Scaling::Rule::meanabs},
    {"overflow", Scaling::Rule::overflow}, {"block", Scaling::Rule::block},
    {"learned", Scaling::Rule::learned},   {"trained", Scaling::Rule::trained}};

void parse_part(std::string_view part, std::string_view whole, Format& format) {
  using Rule = Scaling::Rule;
  const auto count = [&](std::string_view word) {
    int found = 0;
    for (std::size_t at = whole.find('/'); at != std::string_view::npos;
         at = whole.find('/', at + 1))
      found += whole.substr(at + 1).starts_with(word);
    return found;
  };
  check(part.empty() || (count(part) == 1 && (!part.starts_with("clip") || count("clip") == 1)),
        Failure::usage, "format '", whole, "' says '", part, "' twice");
  Scaling& scaling = format.scaling;
  const auto set_rule = [&](Rule rule) {
    check(scaling.rule == Rule::none, Failure::usage, "format '", whole, "' has two scalings");
    scaling.rule = rule;
  };
  for (const NamedRule& named : named_rules)
    if (part == named.name) return set_rule(named.rule);
  if (part == "channel") return void(scaling.channel = true);
  if (part == "sample") return void(scaling.sample = true);
  if (part == "smooth") return void(scaling.smooth = true);
  if (part == "outlier") return void(scaling.outlier = true);
  if (part == "unit") return void(scaling.unit = true);
  if (part == "stochastic") return void(format.rounding = Rounding::stochastic);
  if (part == "stop") return void(format.stop = true);
  if (part == "tanh") return void(format.squashed = true);
  if (read_after(part, "step", scaling.fraction) && std::abs(scaling.fraction) <= 32)
    return set_rule(Rule::step);
  if (read_after(part, "block", scaling.block) && scaling.block >= 1 && scaling.block <= 65536)
    return set_rule(Rule::block);
  if (read_after(part, "range", scaling.limit) && scaling.limit > 1e-6f && scaling.limit < 1e6f)
    return set_rule(Rule::range);
  if (read_after(part, "clip", format.clip) && format.clip > 0 && format.clip < 1e6f) return;
  fail(Failure::usage, "format '", whole, "': unknown part '", part,
       "', expected step-32..step32, range1, absmax, minmax, pow2, meanabs, overflow, block, "
       "block32, learned, trained, channel, outlier, sample, smooth, unit, stochastic, stop, tanh "
       "or clip1");
}

void verify(const Format& format, std::string_view text) {
  using Kind = Grid::Kind;
  using Rule = Scaling::Rule;
  const Scaling& scaling = format.scaling;
  const Rule rule = scaling.rule;
  const Kind kind = format.grid.kind;
  const auto refuse = [&](std::string_view why) {
    fail(Failure::usage, "format '", text, "': ", why);
  };
  const bool integer = kind == Kind::integer;
  if (kind == Kind::floating || kind == Kind::posit) {
    if (rule != Rule::none) refuse("a floating grid takes no scaling");
    if (format.grid.is_float32() && format.rounding == Rounding::stochastic)
      refuse("f32 is not rounded");
  } else if (kind == Kind::codebook) {
    if (rule != Rule::none) refuse("a codebook takes no scaling");
    if (format.rounding == Rounding::stochastic) refuse("a codebook is rounded to the nearest");
  } else if (rule == Rule::none) {
    refuse(
        "expected a scaling: step, range, absmax, minmax, pow2, meanabs, overflow, block, learned "
        "or trained");
  }
  const bool ranged = rule == Rule::absmax || rule == Rule::minmax || rule == Rule::pow2;
  const bool by_tensor = rule == Rule::absmax || rule == Rule::pow2;
  if (scaling.smooth && !ranged) refuse("smooth goes with absmax, minmax or pow2");
  if (scaling.smooth && (scaling.channel || scaling.sample))
    refuse("smooth and channel or sample exclude each other");
  if (scaling.channel && !by_tensor && rule != Rule::meanabs)
    refuse("channel goes with absmax, pow2 or meanabs");
  if (scaling.sample && (!by_tensor || scaling.channel)) refuse("sample goes with absmax or pow2");
  if (scaling.outlier &&
      (rule != Rule::absmax || !scaling.channel || !integer || !format.grid.is_signed ||
       format.grid.bits > 8 || format.rounding != Rounding::nearest))
    refuse("outlier goes with absmax/channel of int2 to int8, to the nearest");
  if (scaling.unit && (rule != Rule::pow2 || scaling.channel || scaling.sample || scaling.smooth))
    refuse("unit goes with pow2 alone");
  if (rule == Rule::minmax && !integer) refuse("minmax needs an integer grid");
  const bool exponents = rule == Rule::pow2 || rule == Rule::overflow || rule == Rule::block;
  if (exponents && (!integer || format.grid.bits < 3))
    refuse("pow2, overflow and block need an integer grid of at least 3 bits");
  if (integer && format.grid.bits > 16 && !exponents && rule != Rule::step)
    refuse("more than 16 bits go with step, pow2, overflow or block");
  if (exponents && !format.grid.is_signed) refuse("pow2, overflow and block need a signed grid");
  if (rule == Rule::meanabs && kind != Kind::binary && kind != Kind::ternary)
    refuse("meanabs needs a binary or ternary grid");
  if (rule == Rule::learned && !integer && kind != Kind::ternary)
    refuse("learned needs an integer or ternary grid");
  if (rule == Rule::trained && kind != Kind::ternary) refuse("trained needs a ternary grid");
  if (rule == Rule::trained && format.rounding == Rounding::stochastic)
    refuse("trained is not rounded stochastically");
  if (format.stop && format.grid.holds_numbers()) refuse("stop needs a grid with ends");
  if (format.squashed && (rule != Rule::range || scaling.limit != 1))
    refuse("tanh goes with range1");
}

}  // namespace

Element Format::element() const {
  if (holds_numbers()) return Element::float32;
  if (grid.kind != Grid::Kind::integer) return Element::int8;
  if (grid.bits > 8) return Element::float32;
  return grid.is_signed ? Element::int8 : Element::uint8;
}

std::string print(const Format& format) {
  const Scaling& scaling = format.scaling;
  std::string text = print(format.grid);
  for (const NamedRule& named : named_rules)
    if (scaling.rule == named.rule) text += "/" + std::string(named.name);
  if (scaling.rule == Scaling::Rule::block && scaling.block > 0)
    text += std::to_string(scaling.block);
  if (scaling.rule == Scaling::Rule::step) text += "/step" + std::to_string(scaling.fraction);
  if (scaling.rule == Scaling::Rule::range) text += "/range" + shortest(scaling.limit);
  if (scaling.channel) text += "/channel";
  if (scaling.outlier) text += "/outlier";
  if (scaling.sample) text += "/sample";
  if (scaling.smooth) text += "/smooth";
  if (scaling.unit) text += "/unit";
  if (format.rounding == Rounding::stochastic) text += "/stochastic";
  if (format.stop) text += "/stop";
  if (format.squashed) text += "/tanh";
  if (format.clip > 0) text += "/clip" + shortest(format.clip);
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

#include "quant/numbers/precision.h"

#include <algorithm>
#include <cmath>

#include "framework/check.h"
#include "quant/numbers/recipes.h"

namespace octet {
namespace {

constexpr char letters[] = {'W', 'A', 'E', 'G', 'M'};
Format Precision::*const roles[] = {&Precision::weights, &Precision::activations,
                                    &Precision::errors, &Precision::gradients, &Precision::master};
std::optional<Format> LayerRule::*const rule_roles[] = {&LayerRule::weights,
                                                        &LayerRule::activations, &LayerRule::errors,
                                                        &LayerRule::gradients, &LayerRule::master};

}  // namespace

void verify(const Precision& precision, std::string_view text) {
  using Rule = Scaling::Rule;
  const auto refuse = [&](std::string_view why) {
    fail(Failure::usage, "precision '", text, "': ", why);
  };
  const auto scaling = [&](std::size_t i) { return (precision.*roles[i]).scaling; };
  if (scaling(1).channel || scaling(2).channel)
    refuse("channel is for weights, gradients and master weights");
  if (scaling(0).smooth || scaling(3).smooth || scaling(4).smooth)
    refuse("smooth is for activations and errors");
  // Rounding can carry the largest magnitude past sqrt(2) or 1 / sqrt(2) of a power of two, and the
  // range with it: what is stored would be clipped or rounded again at each step.
  if (scaling(4).rule == Rule::pow2) refuse("pow2 is not for master weights, which block is");
  if (scaling(0).sample || scaling(3).sample || scaling(4).sample)
    refuse("sample is for activations and errors");
  // The channels' scales multiply the errors before these are encoded (WeightedLayer::backward).
  if (precision.weights.scaling.channel &&
      (scaling(2).rule == Rule::step || scaling(2).rule == Rule::range ||
       scaling(2).rule == Rule::overflow))
    refuse("errors with a fixed step, range or exponent need weights with a single scale");
  for (const std::size_t i : {0, 2, 3, 4}) {
    const Format& format = precision.*roles[i];
    if (format.scaling.rule == Rule::minmax) refuse("minmax is for activations");
    if (!format.grid.holds_numbers() && format.grid.least() == 0)
      refuse("a grid without a sign is for activations");
  }
  for (std::size_t i = 0; i < 5; ++i) {
    const Format& format = precision.*roles[i];
    if (format.stop && i != 1) refuse("stop is for activations");
    if (format.scaling.outlier && i != 0) refuse("outlier is for weights");
    if (format.squashed && i != 0) refuse("tanh is for weights");
    if (format.clip > 0 && i != 4) refuse("clip is for master weights");
    if (format.scaling.unit && i != 3) refuse("unit is for gradients");
    if (format.scaling.rule == Rule::learned && i > 1)
      refuse("learned is for weights and activations");
    if (format.scaling.rule == Rule::trained && i > 0) refuse("trained is for weights");
  }
}

namespace {

// Where the first role of several ends; a comma inside float<5,2> does not part roles.
std::size_t comma_of(std::string_view text) {
  std::size_t comma = text.find(',');
  while (comma != std::string_view::npos &&
         text.substr(0, comma).rfind('<') != std::string_view::npos &&
         text.substr(0, comma).rfind('>') == std::string_view::npos)
    comma = text.find(',', comma + 1);
  return comma;
}

// "W=int8/absmax,A=f32" into any of the roles, and the S of a base; at least one.
template <class Set>
void parse_roles(std::string_view text, std::string_view whole, const Set& set) {
  std::string seen;
  std::string_view rest = text;
  for (;;) {
    const std::size_t comma = comma_of(rest);
    const std::string_view part = rest.substr(0, comma);
    const bool valid = part.size() > 2 && part[1] == '=' &&
                       std::string_view("WAEGMS").find(part[0]) != std::string_view::npos;
    check(valid, Failure::usage, "precision '", whole,
          "': expected W=, A=, E=, G=, M= and a format or S=fan-in, got '", part, "'");
    check(seen.find(part[0]) == std::string::npos, Failure::usage, "precision '", whole,
          "': ", part[0], " is given twice");
    seen += part[0];
    set(part[0], part.substr(2));
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
}

Format parse_role(char letter, std::string_view text) {
  try {
    return parse_format(text);
  } catch (const Error& error) {
    fail(error.kind, letter, ": ", error.what());
  }
}

std::size_t index_of(char letter) {
  return static_cast<std::size_t>(std::find(std::begin(letters), std::end(letters), letter) -
                                  std::begin(letters));
}

Precision recipe_called(std::string_view name, std::string_view whole) {
  std::string known;
  for (const Recipe& recipe : recipes()) {
    if (recipe.name == name) return recipe.precision;
    known += recipe.name + ", ";
  }
  check(name.find_first_of("/<") == std::string_view::npos, Failure::usage, "precision '", whole,
        "': expected the role of '", name, "' before it, such as W=", name);
  fail(Failure::usage, "unknown recipe '", name, "', expected ", known,
       "or formats by role such as W=int8/absmax/channel,A=int8/absmax/smooth");
}

// A recipe, formats by role, or a recipe and the roles in which this differs from it.
Precision parse_base(std::string_view text, std::string_view whole) {
  Precision precision;
  const std::size_t comma = comma_of(text);
  if (const std::string_view first = text.substr(0, comma);
      first.find('=') == std::string_view::npos) {
    precision = recipe_called(first, whole);
    if (comma == std::string_view::npos) return precision;
    text.remove_prefix(comma + 1);
  }
  parse_roles(text, whole, [&](char letter, std::string_view format) {
    if (letter == 'S') {
      check(format == "fan-in", Failure::usage, "precision '", whole,
            "': expected S=fan-in, got S=", format);
      precision.fan_in = true;
    } else {
      precision.*roles[index_of(letter)] = parse_role(letter, format);
    }
  });
  return precision;
}

LayerRule parse_rule(std::string_view text, std::string_view whole) {
  const std::size_t colon = text.find(':');
  check(colon != std::string_view::npos && colon > 0 && colon + 1 < text.size(), Failure::usage,
        "precision '", whole, "': expected a rule such as 'conv*:W=int4/absmax', got '", text, "'");
  LayerRule rule{.pattern = std::string(text.substr(0, colon))};
  const std::string_view formats = text.substr(colon + 1);
  const std::string_view first = formats.substr(0, comma_of(formats));
  if (first.find('=') == std::string_view::npos) {
    const Precision recipe = parse_base(formats, whole);
    check(!recipe.fan_in && recipe.rules.empty(), Failure::usage, "precision '", whole,
          "': recipe ", first, " is not for single layers");
    for (std::size_t i = 0; i < 5; ++i) rule.*rule_roles[i] = recipe.*roles[i];
    return rule;
  }
  parse_roles(formats, whole, [&](char letter, std::string_view format) {
    check(letter != 'S', Failure::usage, "precision '", whole, "': S is for the whole network");
    rule.*rule_roles[index_of(letter)] = parse_role(letter, format);
  });
  return rule;
}

std::string print_base(const Precision& precision) {
  Precision base = precision;
  base.rules.clear();
  for (const Recipe& recipe : recipes())
    if (recipe.precision == base) return recipe.name;
  std::string text;
  for (std::size_t i = 0; i < 5; ++i)
    text += (i > 0 ? "," : "") + std::string(1, letters[i]) + "=" + print(base.*roles[i]);
  return text + (base.fan_in ? ",S=fan-in" : "");
}

}  // namespace

bool Precision::operator==(const Precision& other) const {
  return std::all_of(std::begin(roles), std::end(roles),
                     [&](auto role) { return this->*role == other.*role; }) &&
         fan_in == other.fan_in && rules == other.rules;
}

bool speaks_of(const LayerRule& rule, std::string_view layer, bool first, bool last) {
  const std::string_view pattern = rule.pattern;
  if (pattern == "first") return first;
  if (pattern == "last") return last;
  if (pattern.ends_with('*')) return layer.starts_with(pattern.substr(0, pattern.size() - 1));
  return layer == pattern;
}

Precision precision_of(const Precision& precision, std::string_view layer, bool first, bool last) {
  Precision own = precision;
  own.rules.clear();
  for (const LayerRule& rule : precision.rules) {
    if (!speaks_of(rule, layer, first, last)) continue;
    for (std::size_t i = 0; i < 5; ++i)
      if (rule.*rule_roles[i]) own.*roles[i] = *(rule.*rule_roles[i]);
  }
  own.fan_in = precision.fan_in && own.weights.scaling.rule == Scaling::Rule::step;
  return own;
}

FanInShift fan_in_shift(const Format& weights, std::int64_t inputs) {
  const double usual = std::sqrt(3.0 / static_cast<double>(inputs));
  const double least = 1.5 * std::ldexp(1.0, -weights.scaling.fraction);
  const double divisor = std::exp2(std::round(std::log2(least / usual)));
  return {.divisor = static_cast<float>(std::max(divisor, 1.0)),
          .limit = static_cast<float>(std::max(usual, least))};
}

std::string print(const Precision& precision) {
  for (const Recipe& recipe : recipes())
    if (recipe.precision == precision) return recipe.name;
  std::string text = print_base(precision);
  for (const LayerRule& rule : precision.rules) {
    std::string formats;
    for (std::size_t i = 0; i < 5; ++i)
      if (rule.*rule_roles[i])
        formats += (formats.empty() ? "" : ",") + std::string(1, letters[i]) + "=" +
                   print(*(rule.*rule_roles[i]));
    text += ";" + rule.pattern + ":" + formats;
  }
  return text;
}

Precision parse_precision(std::string_view text) {
  std::string_view rest = text;
  std::size_t semicolon = rest.find(';');
  Precision precision = parse_base(rest.substr(0, semicolon), text);
  while (semicolon != std::string_view::npos) {
    rest.remove_prefix(semicolon + 1);
    semicolon = rest.find(';');
    precision.rules.push_back(parse_rule(rest.substr(0, semicolon), text));
  }
  check(!precision.fan_in || precision.weights.scaling.rule == Scaling::Rule::step, Failure::usage,
        "precision '", text, "': S=fan-in is for weights with a fixed step");
  verify(precision_of(precision, "", false, false), text);
  // What each layer may get: the base under any of the rules.
  for (const LayerRule& rule : precision.rules) {
    Precision alone = precision;
    alone.rules = {rule};
    alone.rules[0].pattern = "*";
    verify(precision_of(alone, "", false, false), text);
  }
  return precision;
}

}  // namespace octet

#include "quant/numbers/precision.h"

#include "framework/check.h"
#include "quant/numbers/recipes.h"

namespace octet {
namespace {

Format* role(Precision& precision, char letter) {
  switch (letter) {
    case 'W':
      return &precision.weights;
    case 'A':
      return &precision.activations;
    case 'E':
      return &precision.errors;
    case 'G':
      return &precision.gradients;
    case 'M':
      return &precision.master;
    default:
      return nullptr;
  }
}

void verify(const Precision& precision, std::string_view text) {
  using Rule = Scaling::Rule;
  const auto refuse = [&](std::string_view why) {
    fail(Failure::usage, "precision '", text, "': ", why);
  };
  if (precision.activations.scaling.channel || precision.errors.scaling.channel)
    refuse("channel is for weights, gradients and master weights");
  if (precision.weights.scaling.smooth || precision.gradients.scaling.smooth ||
      precision.master.scaling.smooth)
    refuse("smooth is for activations and errors");
  // The channels' scales multiply the errors before these are encoded (WeightedLayer::backward).
  if (precision.weights.scaling.channel && precision.errors.scaling.rule == Rule::step)
    refuse("errors with a fixed step need weights with a single scale");
  if (precision.master.scaling.rule == Rule::minmax) refuse("minmax is for activations");
  for (const Format* format : {&precision.weights, &precision.errors}) {
    if (format->scaling.rule == Rule::minmax) refuse("minmax is for activations");
    if (format->grid.least() == 0) refuse("weights and errors need a signed grid");
  }
}

}  // namespace

std::string print(const Precision& precision) {
  for (const Recipe& recipe : recipes())
    if (recipe.precision == precision) return recipe.name;
  return "W=" + print(precision.weights) + ",A=" + print(precision.activations) +
         ",E=" + print(precision.errors) + ",G=" + print(precision.gradients) +
         ",M=" + print(precision.master);
}

Precision parse_precision(std::string_view text) {
  std::string known;
  for (const Recipe& recipe : recipes()) {
    if (recipe.name == text) return recipe.precision;
    known += recipe.name + ", ";
  }
  Precision precision;
  std::string seen;
  std::string_view rest = text;
  for (;;) {
    // A comma inside float<5,2> does not part roles.
    std::size_t comma = rest.find(',');
    while (comma != std::string_view::npos &&
           rest.substr(0, comma).rfind('<') != std::string_view::npos &&
           rest.substr(0, comma).rfind('>') == std::string_view::npos)
      comma = rest.find(',', comma + 1);
    const std::string_view part = rest.substr(0, comma);
    check(text.find('=') != std::string_view::npos, Failure::usage, "unknown recipe '", text,
          "', expected ", known,
          "or formats by role such as W=int8/absmax/channel,A=int8/absmax/smooth");
    Format* const format = part.size() > 2 && part[1] == '=' ? role(precision, part[0]) : nullptr;
    check(format != nullptr, Failure::usage, "precision '", text,
          "': expected W=, A=, E=, G= or M= and a format, got '", part, "'");
    check(seen.find(part[0]) == std::string::npos, Failure::usage, "precision '", text,
          "': ", part[0], " is given twice");
    seen += part[0];
    try {
      *format = parse_format(part.substr(2));
    } catch (const Error& error) {
      fail(error.kind, part[0], ": ", error.what());
    }
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  verify(precision, text);
  return precision;
}

}  // namespace octet

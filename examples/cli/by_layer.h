// Options whose value may differ from layer to layer.
#pragma once

#include <cmath>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "framework/check.h"
#include "framework/parameter.h"

namespace octet::cli {

/// The name by which these options call the layer that a parameter is of.
inline std::string layer_of(const Parameter& parameter) {
  return parameter.name.substr(0, parameter.name.rfind('.'));
}

/// A value for each layer: "0.9", or "conv1=0.34,fc*=0.92" with an optional bare number for the
/// rest.
class ByLayer {
 public:
  ByLayer(const std::string& text, const char* option, double least, double most)
      : option_(option) {
    std::istringstream parts(text);
    for (std::string part; std::getline(parts, part, ',');) {
      const std::size_t equals = part.find('=');
      const std::string number = equals == std::string::npos ? part : part.substr(equals + 1);
      char* end = nullptr;
      const double value = std::strtod(number.c_str(), &end);
      check(!number.empty() && *end == '\0' && value >= least && value <= most, Failure::usage,
            option, ": expected numbers from ", least, " to ", most,
            most > 1 ? " such as 'conv*=8,fc1=5' or '5'" : " such as 'conv*=0.4,fc1=0.1' or '0.1'",
            ", got '", part, "'");
      if (equals == std::string::npos) {
        rest_ = value;
      } else {
        rules_.push_back({part.substr(0, equals), value, false});
      }
    }
  }

  bool has_rest() const { return !std::isnan(rest_); }
  double rest() const { return rest_; }

  /// The value of the last rule that matches; NaN when none does.
  double value(const std::string& layer) {
    double found = NAN;
    for (Rule& rule : rules_) {
      const bool star = rule.pattern.ends_with('*');
      const std::string stem = rule.pattern.substr(0, rule.pattern.size() - star);
      if (star ? layer.starts_with(stem) : layer == rule.pattern) {
        found = rule.value;
        rule.used = true;
      }
    }
    return found;
  }

  void check_all_used() const {
    for (const Rule& rule : rules_)
      check(rule.used, Failure::usage, option_, ": no layer is called ", rule.pattern);
  }

 private:
  struct Rule {
    std::string pattern;
    double value;
    bool used;
  };
  const char* option_;
  std::vector<Rule> rules_;
  double rest_ = NAN;
};

}  // namespace octet::cli

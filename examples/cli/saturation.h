// The saturation meter's figures as a run shows them: columns of metrics.csv, and a line when codes
// are lost in numbers.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "framework/layer.h"

namespace octet::cli {

/// ",conv1.activations.clipped,conv1.activations.underflowed,...": shares of the codes counted.
std::string saturation_columns(const std::vector<Saturation>& all);
std::string saturation_values(const std::vector<Saturation>& all);

/// A line on stderr for the role that clips most, when it clips more than one code in a hundred,
/// and for the one that loses most values to zero, when it loses more than 99 of 100; said once of
/// a layer's role.
class SaturationWarnings {
 public:
  void warn(const std::vector<Saturation>& all);

 private:
  std::set<std::string> said_;
};

}  // namespace octet::cli

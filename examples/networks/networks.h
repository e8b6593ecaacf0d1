// The zoo: networks by name, for any input and number of classes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "framework/spec.h"

namespace octet {

struct ZooEntry {
  std::string name;
  std::string summary;
  Shape usual_input;  ///< H x W x C when the data does not say
};

const std::vector<ZooEntry>& zoo();

/// The definition of a zoo network. Throws Error(usage) for an unknown name.
Definition zoo_network(std::string_view name, const Shape& input, std::int64_t classes);

}  // namespace octet

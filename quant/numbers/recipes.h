// Every training method is a row: the formats of its five roles.
#pragma once

#include <string>
#include <vector>

#include "quant/numbers/precision.h"

namespace octet {

struct Recipe {
  std::string name;
  std::string summary;
  Precision precision;
};

const std::vector<Recipe>& recipes();

}  // namespace octet

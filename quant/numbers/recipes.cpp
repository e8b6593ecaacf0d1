#include "quant/numbers/recipes.h"

namespace octet {

const std::vector<Recipe>& recipes() {
  static const std::vector<Recipe> rows = {
      {"float32", "single precision everywhere", {}},
      {"int8",
       "8-bit integers in all three products, float32 master weights",
       {.weights = parse_format("int8/absmax/channel"),
        .activations = parse_format("int8/absmax/smooth"),
        .errors = parse_format("int8/absmax/smooth/stochastic")}},
  };
  return rows;
}

}  // namespace octet

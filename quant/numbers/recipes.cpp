#include "quant/numbers/recipes.h"

namespace octet {

const std::vector<Recipe>& recipes() {
  static const std::vector<Recipe> rows = {
      {"float32", "single precision everywhere", {}},
      {"bfloat16",
       "bfloat16 operands in all three products and between layers, float32 master weights",
       {.weights = parse_format("bf16"),
        .activations = parse_format("bf16"),
        .errors = parse_format("bf16")}},
      {"int8",
       "8-bit integers in all three products, float32 master weights",
       {.weights = parse_format("int8/absmax/channel"),
        .activations = parse_format("int8/absmax/smooth"),
        .errors = parse_format("int8/absmax/smooth/stochastic")}},
      {"integer-arithmetic-only",
       "trains in float32 what runs in integers: 8-bit weights and activations simulated (Jacob "
       "2017)",
       {.weights = parse_format("int8/absmax/channel"),
        .activations = parse_format("uint8/minmax/smooth")}},
  };
  return rows;
}

}  // namespace octet

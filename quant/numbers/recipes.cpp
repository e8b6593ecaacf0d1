#include "quant/numbers/recipes.h"

namespace octet {

namespace {

// One format in all roles, another one in what the optimiser accumulates into.
Precision everywhere(const char* format, const char* master) {
  const Format f = parse_format(format);
  return {
      .weights = f, .activations = f, .errors = f, .gradients = f, .master = parse_format(master)};
}

}  // namespace

const std::vector<Recipe>& recipes() {
  static const std::vector<Recipe> rows = {
      {"float32", "single precision everywhere", {}},
      {"bfloat16",
       "bfloat16 operands in all three products and between layers, float32 master weights",
       {.weights = parse_format("bf16"),
        .activations = parse_format("bf16"),
        .errors = parse_format("bf16")}},
      {"half-float", "half precision in all five roles (Courbariaux 2014)",
       everywhere("f16", "f16")},
      {"int8",
       "8-bit integers in all three products, float32 master weights",
       {.weights = parse_format("int8/absmax/channel"),
        .activations = parse_format("int8/absmax/smooth"),
        .errors = parse_format("int8/absmax/smooth/stochastic")}},
      {"limited-precision",
       "16-bit fixed point, 14 fraction bits (10 in activations), rounded stochastically (Gupta "
       "2015)",
       {.weights = parse_format("int16/step14"),
        .activations = parse_format("int16/step10/stochastic"),
        .errors = parse_format("int16/step14/stochastic"),
        .gradients = parse_format("int16/step14/stochastic"),
        .master = parse_format("int16/step14/stochastic")}},
      {"limited-precision-nearest",
       "the same rounded to the nearest, which the paper warns of",
       {.weights = parse_format("int16/step14"),
        .activations = parse_format("int16/step10"),
        .errors = parse_format("int16/step14"),
        .gradients = parse_format("int16/step14"),
        .master = parse_format("int16/step14")}},
      {"fixed-point", "20-bit fixed point with 5 integer bits (Courbariaux 2014)",
       everywhere("int20/step14", "int20/step14")},
      {"dynamic-fixed-point",
       "10 bits in products and 12 in updates, exponents steered by overflow (Courbariaux 2014)",
       everywhere("int10/overflow", "int12/overflow")},
      {"binary-connect",
       "products see the signs of float32 weights within [-1, 1] (Courbariaux 2015)",
       {.weights = parse_format("binary/step0"), .master = parse_format("f32/clip1")}},
      {"binary-connect-stochastic",
       "the same with signs drawn by BinaryConnect's hard sigmoid; evaluated with the float32 "
       "weights",
       {.weights = parse_format("binary/step0/stochastic"), .master = parse_format("f32/clip1")}},
      {"binary-rounding",
       "weights are stored as signs, updates rounded to the nearest: R (Li 2017)",
       {.weights = parse_format("binary/step0"), .master = parse_format("binary/step0")}},
      {"binary-stochastic-rounding",
       "weights are stored as signs, updates rounded stochastically: SR (Li 2017)",
       {.weights = parse_format("binary/step0"),
        .master = parse_format("binary/step0/stochastic")}},
      {"wage",
       "2-8-8-8: ternary weights, 8-bit activations, gradients and errors (Wu 2018)",
       {.weights = parse_format("int2/step1"),
        .activations = parse_format("int8/step7/stop"),
        .errors = parse_format("int8/pow2"),
        .gradients = parse_format("int16/pow2/unit"),
        .master = parse_format("int8/step7/stochastic/clip0.5"),
        .fan_in = true}},
      {"dorefa",
       "2-bit weights and activations, 6-bit errors of each picture (Zhou 2016); the paper keeps "
       "the "
       "first and last layer in float32",
       {.weights = parse_format("midrise2/range1/tanh"),
        .activations = parse_format("uint2/range1/stop"),
        .errors = parse_format("midrise6/absmax/sample/stochastic")}},
      {"ternary-weights",
       "ternary weights with the mean magnitude of those kept, zero below half of it (the paper: "
       "below 0.7 of the mean of all; Li, Liu 2016)",
       {.weights = parse_format("ternary/meanabs/channel")}},
      {"trained-ternary",
       "ternary weights whose two magnitudes are trained, with steps in proportion to them (Zhu "
       "2017); the paper keeps the first and last layer in float32",
       {.weights = parse_format("ternary/trained")}},
      {"learned-step",
       "4-bit weights and activations whose steps are trained (Esser 2020); the paper has 8 bits "
       "in "
       "the first and last layer; activations have no sign, those of normalised pixels need one",
       {.weights = parse_format("int4/learned"), .activations = parse_format("uint4/learned")}},
      {"swalp",
       "8-bit block floating point in all five roles, rounded stochastically (Yang 2019)",
       {.weights = parse_format("int8/block/stochastic"),
        .activations = parse_format("int8/block/stochastic"),
        .errors = parse_format("int8/block/stochastic"),
        .gradients = parse_format("int8/block/stochastic"),
        .master = parse_format("int8/block/stochastic")}},
      {"float8",
       "8-bit floating point in products, 16-bit in updates, rounded stochastically (Wang 2018)",
       {.weights = parse_format("float<5,2>"),
        .activations = parse_format("float<5,2>"),
        .errors = parse_format("float<5,2>"),
        .gradients = parse_format("float<5,2>"),
        .master = parse_format("float<6,9>/stochastic")}},
      {"integer-arithmetic-only",
       "trains in float32 what runs in integers: 8-bit weights and activations simulated (Jacob "
       "2017)",
       {.weights = parse_format("int8/absmax/channel"),
        .activations = parse_format("uint8/minmax/smooth")}},
  };
  return rows;
}

}  // namespace octet

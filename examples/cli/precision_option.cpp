#include "examples/cli/precision_option.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "framework/check.h"
#include "framework/dnn.h"
#include "framework/products.h"

namespace octet::cli {
namespace {

bool simulation_asked = false;

bool multiplies_bfloat16(const Precision& precision) {
  return is_bfloat16(precision.weights) && is_bfloat16(precision.activations) &&
         is_bfloat16(precision.errors);
}

}  // namespace

void add_bfloat16_option(CLI::App& verb, bool& simulate) {
  verb.add_flag(
      "--simulate-bfloat16", simulate,
      "compute bfloat16 by float32's instructions, with bfloat16's rounding: for processors "
      "that lack bfloat16's, or have slow ones");
}

bool lacks_bfloat16(const Precision& precision) {
  return multiplies_bfloat16(precision) && !products::has_bfloat16();
}

void check_bfloat16(const Precision& precision) {
  check(!lacks_bfloat16(precision), Failure::usage,
        "bfloat16 needs AVX512_BF16 or AMX instructions", " and there are none (",
        dnn::description(), "): use --precision float32, or ",
        "--simulate-bfloat16 to compute it in float32");
}

Precision choose_precision(const std::string& text, bool simulate) {
  const Precision precision = parse_precision(text);
  if (!multiplies_bfloat16(precision)) return precision;
  if (simulate) {
    simulation_asked = true;
    if (products::allow_bfloat16(false))
      std::cerr << "octet: note: bfloat16 is computed in float32 with bfloat16's rounding, as "
                   "--simulate-bfloat16 asks\n";
    return precision;
  }
  check_bfloat16(precision);
  return precision;
}

void note_simulation(const Model& model) {
  static bool noted = false;
  if (noted || simulation_asked || !lacks_bfloat16(parse_precision(model.attribute("precision"))))
    return;
  noted = true;
  std::cerr << "octet: note: the model is of bfloat16, for which this processor has no "
               "instructions: computed in float32 with bfloat16's rounding\n";
}

}  // namespace octet::cli

// --precision on this machine: bfloat16 needs instructions that many processors lack and that on
// some are slower than float32's. Training without them is refused unless --simulate-bfloat16 asks
// for products in float32 of what is rounded to bfloat16; a model that is only run is simulated
// where they are missing.
#pragma once

#include "examples/cli/program.h"
#include "framework/model.h"
#include "quant/numbers/precision.h"

namespace octet::cli {

/// Adds --simulate-bfloat16.
void add_bfloat16_option(CLI::App& verb, bool& simulate);

/// Whether the precision has products of bfloat16 and this machine does not.
bool lacks_bfloat16(const Precision& precision);

/// A recipe's name or formats by role -> the precision to train in. With `simulate` the program
/// does without bfloat16's instructions from here on, with a note on stderr where that matters.
/// Throws as check_bfloat16 does otherwise.
Precision choose_precision(const std::string& text, bool simulate);

/// Throws Error(usage) where the machine lacks what training in the precision needs.
void check_bfloat16(const Precision& precision);

/// One note on stderr where the model was trained in bfloat16 and this machine lacks it.
void note_simulation(const Model& model);

}  // namespace octet::cli

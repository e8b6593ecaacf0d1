// --precision on this machine: bfloat16 needs instructions that many processors lack. Training
// without them is refused unless --bfloat16-as-float32 asks for the same run in float32; a model
// that is only run gives the same numbers without them, slowly.
#pragma once

#include "examples/cli/program.h"
#include "framework/model.h"
#include "quant/numbers/precision.h"

namespace octet::cli {

/// Adds --bfloat16-as-float32.
void add_bfloat16_option(CLI::App& verb, bool& as_float32);

/// Whether the precision has products of bfloat16 and this machine does not.
bool lacks_bfloat16(const Precision& precision);

/// A recipe's name or formats by role -> the precision to train in; a note on stderr where that is
/// float32 in place of bfloat16. Throws Error(usage) where the machine lacks bfloat16.
Precision choose_precision(const std::string& text, bool as_float32);

/// One note on stderr where the model was trained in bfloat16 and this machine lacks it.
void note_simulation(const Model& model);

}  // namespace octet::cli

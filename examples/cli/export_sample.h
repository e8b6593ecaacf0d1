// Test pictures and what a model makes of them, as raw files that any program can read:
//   sample.json    numbers of pictures, their shape, classes, edges with their shapes
//   pictures.u8    N x H x W x C
//   labels.i32     N
//   scores.f32     N x classes
//   edges/NAME.u8  codes of each edge but the scores, M x H x W x C, of the first M pictures
#pragma once

#include <filesystem>

#include "examples/cli/session.h"
#include "quant/integer/integer_network.h"

namespace octet::cli {

struct Sample {
  const Dataset& pictures;
  std::int64_t count;
  Normalization normalization;
};

/// Scores by the network, and no edges.
void write_sample(const std::filesystem::path& folder, const Sample& sample, Network& network);
/// Scores and codes by the loops that define the network.
void write_sample(const std::filesystem::path& folder, const Sample& sample,
                  const IntegerNetwork& network);

}  // namespace octet::cli

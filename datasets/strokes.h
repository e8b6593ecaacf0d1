// Digits drawn by a program: the data set that is there without files and without a network.
// Pen strokes through jittered control points, under a random affine map, with a random pen, noise
// and stray marks. Hard for a linear classifier (83 %), easy for a LeNet-5 (99 %).
#pragma once

#include <cstdint>

#include "datasets/split.h"
#include "framework/dataset.h"

namespace octet {

/// `count` pictures of 28 x 28 x 1, classes "0" to "9" in turn. Picture i depends on (seed, split,
/// i) only and is the same on every machine and for any number of threads.
Dataset make_strokes(std::int64_t count, std::uint64_t seed, Split split);

}  // namespace octet

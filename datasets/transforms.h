// Random changes to training pictures. A picture's key decides everything: the same key gives the
// same change.
#pragma once

#include <vector>

#include "framework/data_loader.h"

namespace octet {

/// Moves the picture by up to `pad` pixels each way; what comes in from outside is zero.
Transform pad_crop(int pad);

/// The same, but what comes in is the picture mirrored at its edge, whose own row or column is not
/// repeated.
Transform translate(int most);

/// Mirrors left and right with probability 1/2.
Transform flip();

/// Mirrors left and right in every second epoch: half of the pictures in even ones, the others in
/// odd ones (Jordan 2024, "alternating flip").
Transform alternating_flip();

/// All of them, in order, with independent random numbers.
Transform chain(std::vector<Transform> transforms);

}  // namespace octet

// Random changes to training pictures. A picture's key decides everything: the same key gives the
// same change.
#pragma once

#include <vector>

#include "framework/data_loader.h"

namespace octet {

/// Moves the picture by up to `pad` pixels each way; what comes in from outside is zero.
Transform pad_crop(int pad);

/// Mirrors left and right with probability 1/2.
Transform flip();

/// All of them, in order, with independent random numbers.
Transform chain(std::vector<Transform> transforms);

}  // namespace octet

// NITI's integer cross-entropy: the error of the scores, softmax - onehot, from integers alone.
//   s = scores in units of log 2;  n = 2^(s - max s + 10) - 1, at least 0
//   share = n * 2^11 / sum n;      error = (share - onehot * sum of shares) / 2^4
// e^x is 2^(x log2 e) with log2 e = 47274 / 2^15. Where all scores are within 1 (exponent -7 or
// less), 1 + x + x^2 / 2 takes e^x's place. The authors' program divides integers by `/`, which in
// the PyTorch of their log (1.7) gives floating point: s and n keep their fractions there. Here
// both are fixed point with 20 of them; without any, shares are up to 0.19 off.
#pragma once

#include <cstdint>
#include <vector>

#include "examples/papers/integer_only_training/niti_tensor.h"

namespace octet::papers {

/// 2^11 times the softmax of the scores code * 2^exponent, rounded down.
void niti_softmax(const std::int8_t* scores, std::int64_t classes, int exponent,
                  std::int32_t* shares);

/// Scores N x classes -> errors of that shape, 127 for one; rounded stochastically under `key`.
void niti_cross_entropy_error(const NitiTensor& scores, const std::vector<std::int32_t>& labels,
                              std::uint64_t key, NitiTensor& error);

}  // namespace octet::papers

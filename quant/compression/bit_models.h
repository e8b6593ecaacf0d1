// Probabilities of bits that are learnt from the bits before: counters of contexts, and a mixer of
// several of them. Integers only, so that every machine predicts the same. Part of the file format:
// a change needs another file version.
// Mixing in the logistic domain: Mahoney 2005 (PAQ7), Mattern 2012.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "quant/compression/range_coder.h"

namespace octet {

/// ln(p / (1 - p)) and its inverse, in units of 1/256; at most 2047 on either side.
int stretch(Probability p);
Probability squash(int x);

/// How often a one comes in some context: the mean of what was seen, and from 1023 bits on a moving
/// average that forgets with rate 1 / 1025.
class BitCounter {
 public:
  Probability one() const { return one_ >> fraction_bits; }
  void update(bool bit) {
    const std::int32_t target = bit ? (1 << (probability_bits + fraction_bits)) - 1 : 0;
    const std::int32_t now = static_cast<std::int32_t>(one_);
    one_ = static_cast<std::uint32_t>(now + (target - now) / (seen_ + 2));
    if (seen_ < limit) ++seen_;
  }

 private:
  // Small steps towards 0 and 1 would be lost in whole units of a Probability.
  static constexpr int fraction_bits = 8;
  static constexpr int limit = 1023;

  std::uint32_t one_ = 1u << (probability_bits + fraction_bits - 1);
  std::int32_t seen_ = 0;
};

/// One prediction of several: squash of the weighted sum of their stretches. Weights follow the
/// gradient of the code length.
template <int inputs>
class BitMixer {
 public:
  BitMixer() { weights_.fill((1 << 16) / inputs); }

  void set(int input, Probability one) {
    stretched_[static_cast<std::size_t>(input)] = stretch(one);
  }

  Probability one() {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < inputs; ++i) sum += std::int64_t{weights_[i]} * stretched_[i];
    return mixed_ = squash(static_cast<int>(sum >> 16));
  }

  /// After one(): the bit that came.
  void update(bool bit) {
    const int error = (bit ? static_cast<int>(probability_one) : 0) - static_cast<int>(mixed_);
    for (std::size_t i = 0; i < inputs; ++i) {
      const std::int64_t step =
          (std::int64_t{stretched_[i]} * error + (1 << (rate_shift - 1))) >> rate_shift;
      weights_[i] = static_cast<std::int32_t>(std::clamp(weights_[i] + step, -most, most));
    }
  }

 private:
  // A smaller shift follows faster and guesses worse: found on pruned LeNet-5s.
  static constexpr int rate_shift = 16;
  static constexpr std::int64_t most = std::int64_t{1} << 24;  // of a weight: 256

  std::array<std::int32_t, inputs> weights_{};
  std::array<int, inputs> stretched_{};
  Probability mixed_ = probability_one / 2;
};

}  // namespace octet

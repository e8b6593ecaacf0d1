#include "examples/papers/integer_only_training/niti_loss.h"

#include <algorithm>
#include <cassert>
#include <numeric>

#include "examples/papers/integer_only_training/niti_rounding.h"
#include "framework/random.h"

namespace octet::papers {
namespace {

constexpr int share_bits = 11, error_shift = 4, range = 10;
constexpr int fraction_bits = 20;
constexpr std::int64_t one = std::int64_t{1} << fraction_bits;
constexpr int log2_e_bits = 15;
constexpr std::int64_t log2_e = 47274;

// 2^x for x >= 0, both with fraction_bits; off by less than 1 in 2^14. The fraction's power is
// Taylor's polynomial of e^(x log 2), evaluated from its highest coefficient, log(2)^k / k!.
std::int64_t power_of_two(std::int64_t x) {
  constexpr std::int64_t coefficients[] = {162, 1398, 10085, 58200, 251896, 726817, one};
  const std::int64_t fraction = x & (one - 1);
  std::int64_t power = 0;
  for (const std::int64_t coefficient : coefficients)
    power = ((power * fraction) >> fraction_bits) + coefficient;
  return power << (x >> fraction_bits);
}

// Both ends keep the numbers below within 64 bits; beyond them no share changes.
constexpr int least_exponent = -20, most_exponent = 24;

void by_powers_of_two(const std::int8_t* scores, std::int64_t classes, int exponent,
                      std::int64_t* numerators) {
  const int shift = fraction_bits - log2_e_bits + exponent;
  for (std::int64_t c = 0; c < classes; ++c) {
    const std::int64_t s = scores[c] * log2_e;
    numerators[c] = shift >= 0 ? s * (std::int64_t{1} << shift) : s >> -shift;
  }
  const std::int64_t offset = *std::max_element(numerators, numerators + classes) - range * one;
  for (std::int64_t c = 0; c < classes; ++c)
    numerators[c] = power_of_two(std::max<std::int64_t>(numerators[c] - offset, 0)) - one;
}

// From an exponent of -7 down, as in the authors' program (the paper: below -7).
// 2 * 4^-exponent * (1 + x + x^2 / 2) for x = score * 2^exponent.
void by_series(const std::int8_t* scores, std::int64_t classes, int exponent,
               std::int64_t* numerators) {
  for (std::int64_t c = 0; c < classes; ++c) {
    const std::int64_t s = scores[c];
    numerators[c] =
        (std::int64_t{1} << (1 - 2 * exponent)) + s * (std::int64_t{1} << (1 - exponent)) + s * s;
  }
}

}  // namespace

void niti_softmax(const std::int8_t* scores, std::int64_t classes, int exponent,
                  std::int32_t* shares) {
  exponent = std::clamp(exponent, least_exponent, most_exponent);
  std::vector<std::int64_t> numerators(static_cast<std::size_t>(classes));
  if (exponent > -niti_bits)
    by_powers_of_two(scores, classes, exponent, numerators.data());
  else
    by_series(scores, classes, exponent, numerators.data());
  const std::int64_t sum = std::accumulate(numerators.begin(), numerators.end(), std::int64_t{0});
  for (std::int64_t c = 0; c < classes; ++c)
    shares[c] =
        static_cast<std::int32_t>((numerators[static_cast<std::size_t>(c)] << share_bits) / sum);
}

void niti_cross_entropy_error(const NitiTensor& scores, const std::vector<std::int32_t>& labels,
                              std::uint64_t key, NitiTensor& error) {
  const std::int64_t images = scores.codes.shape()[0], classes = scores.codes.elements() / images;
  assert(static_cast<std::int64_t>(labels.size()) == images);
  error.codes.resize(scores.codes.shape(), Element::int8);
  error.exponent = -niti_bits;
  std::vector<std::int32_t> shares(static_cast<std::size_t>(classes));
  for (std::int64_t i = 0; i < images; ++i) {
    niti_softmax(scores.codes.data<std::int8_t>() + i * classes, classes, scores.exponent,
                 shares.data());
    shares[static_cast<std::size_t>(labels[static_cast<std::size_t>(i)])] -=
        std::accumulate(shares.begin(), shares.end(), 0);
    for (std::int64_t c = 0; c < classes; ++c) {
      const std::int64_t at = i * classes + c;
      error.codes.data<std::int8_t>()[at] =
          niti_clip(shift_stochastic(shares[static_cast<std::size_t>(c)], error_shift,
                                     random_bits(key, static_cast<std::uint32_t>(at))));
    }
  }
}

}  // namespace octet::papers

#include "layers/initializers.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "framework/check.h"
#include "framework/random.h"

namespace octet {

namespace {

constexpr std::pair<Initializer, const char*> names[] = {{Initializer::he, "he"},
                                                         {Initializer::glorot, "glorot"},
                                                         {Initializer::pytorch, "pytorch"},
                                                         {Initializer::dirac, "dirac"},
                                                         {Initializer::whitening, "whitening"}};

float limit_of(Initializer initializer, std::int64_t inputs, std::int64_t outputs) {
  if (initializer == Initializer::he) return std::sqrt(6.0f / static_cast<float>(inputs));
  if (initializer == Initializer::glorot)
    return std::sqrt(6.0f / static_cast<float>(inputs + outputs));
  return std::sqrt(1.0f / static_cast<float>(inputs));
}

}  // namespace

std::string_view name_of(Initializer initializer) {
  for (const auto& [named, name] : names)
    if (named == initializer) return name;
  return "";
}

Initializer parse_initializer(std::string_view text) {
  for (const auto& [initializer, name] : names)
    if (name == text) return initializer;
  fail(Failure::usage, "unknown initializer '", text,
       "', expected he, glorot, pytorch, dirac or "
       "whitening");
}

void fill_uniform(Tensor& weight, float limit, std::uint64_t seed, std::string_view name) {
  const std::uint64_t key = random_key(seed, stream_of(name), 0);
  float* w = weight.floats();
  for (std::int64_t i = 0; i < weight.elements(); ++i)
    w[i] = limit * (2.0f * uniform(key, static_cast<std::uint32_t>(i)) - 1.0f);
}

void initialize(Tensor& weight, Initializer initializer, std::int64_t inputs, std::int64_t outputs,
                std::uint64_t seed, std::string_view name) {
  fill_uniform(weight, limit_of(initializer, inputs, outputs), seed, name);
  if (initializer != Initializer::dirac) return;
  const Shape& shape = weight.shape();  // K x k x k x C
  check(shape.rank() == 4 && shape[1] % 2 == 1, Failure::usage, name,
        ": init=dirac is for convolutions with an odd kernel");
  const std::int64_t channels = shape[3], filter = shape[1] * shape[2] * channels;
  for (std::int64_t k = 0; k < std::min(shape[0], channels); ++k) {
    float* const w = weight.floats() + k * filter;
    std::fill_n(w, filter, 0.0f);
    w[(shape[1] / 2 * shape[2] + shape[2] / 2) * channels + k] = 1.0f;
  }
}

}  // namespace octet

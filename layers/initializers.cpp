#include "layers/initializers.h"

#include <cmath>

#include "framework/check.h"
#include "framework/random.h"

namespace octet {

std::string_view name_of(Initializer initializer) {
  return initializer == Initializer::he ? "he" : "glorot";
}

Initializer parse_initializer(std::string_view name) {
  if (name == "he") return Initializer::he;
  if (name == "glorot") return Initializer::glorot;
  fail(Failure::usage, "unknown initializer '", name, "', expected he or glorot");
}

void fill_uniform(Tensor& weight, float limit, std::uint64_t seed, std::string_view name) {
  const std::uint64_t key = random_key(seed, stream_of(name), 0);
  float* w = weight.floats();
  for (std::int64_t i = 0; i < weight.elements(); ++i)
    w[i] = limit * (2.0f * uniform(key, static_cast<std::uint32_t>(i)) - 1.0f);
}

void initialize(Tensor& weight, Initializer initializer, std::int64_t inputs, std::int64_t outputs,
                std::uint64_t seed, std::string_view name) {
  const std::int64_t fan = initializer == Initializer::he ? inputs : inputs + outputs;
  fill_uniform(weight, std::sqrt(6.0f / static_cast<float>(fan)), seed, name);
}

}  // namespace octet

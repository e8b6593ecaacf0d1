// What the tests of compression share: errors by kind, random numbers in a row, models to compare.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include "framework/check.h"
#include "framework/model.h"
#include "framework/parameter.h"
#include "framework/random.h"

namespace octet::compression_test {

/// Numbers one after the other.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : key_(random_key(seed, stream_of("test"), 0)) {}
  std::uint32_t below(std::uint32_t count) { return uniform_below(key_, next_++, count); }
  float real() { return uniform(key_, next_++); }
  /// Roughly normal, mean 0, deviation 1.
  float normal() {
    float sum = -6;
    for (int i = 0; i < 12; ++i) sum += real();
    return sum;
  }

 private:
  std::uint64_t key_;
  std::uint32_t next_ = 0;
};

/// The kind of the Error that `body` throws; none where it throws nothing.
template <class Body>
std::optional<Failure> failure_of(const Body& body, std::string* message = nullptr) {
  try {
    body();
  } catch (const Error& error) {
    if (message) *message = error.what();
    return error.kind;
  }
  return std::nullopt;
}

inline Parameter parameter_of(const std::vector<float>& values) {
  Parameter parameter;
  parameter.name = "fc1.weight";
  parameter.value = Tensor(Shape{static_cast<std::int64_t>(values.size())});
  parameter.gradient = parameter.value;
  for (std::size_t i = 0; i < values.size(); ++i) parameter.value.floats()[i] = values[i];
  return parameter;
}

inline std::vector<float> values_of(const Tensor& tensor) {
  return {tensor.floats(), tensor.floats() + tensor.elements()};
}

inline Parameter normal_parameter(std::int64_t count, std::uint64_t seed) {
  Draw draw(seed);
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i) values.push_back(draw.normal());
  return parameter_of(values);
}

}  // namespace octet::compression_test

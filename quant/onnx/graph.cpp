#include "quant/onnx/graph.h"

#include <algorithm>

#include "framework/check.h"

namespace octet {

std::int64_t OnnxTensor::elements() const {
  return static_cast<std::int64_t>(bytes.size() / size_of(type));
}

std::size_t size_of(OnnxTensor::Type type) {
  switch (type) {
    case OnnxTensor::Type::int64:
      return 8;
    case OnnxTensor::Type::float32:
    case OnnxTensor::Type::int32:
      return 4;
    case OnnxTensor::Type::int8:
    case OnnxTensor::Type::uint8:
      return 1;
  }
  return 1;
}

std::string print(const OnnxNode& node) {
  // A node without a name is told by what it makes.
  const std::string name =
      !node.name.empty() || node.outputs.empty() ? node.name : node.outputs.front();
  return "node '" + name + "' (" + node.op + ")";
}

const OnnxAttribute* OnnxAttributeReader::take(const std::string& key) {
  taken_.push_back(key);
  const auto found = node_.attributes.find(key);
  return found == node_.attributes.end() ? nullptr : &found->second;
}

template <class T>
T OnnxAttributeReader::value(const std::string& key, T usual, const char* expected) {
  const OnnxAttribute* found = take(key);
  if (!found) return usual;
  const T* held = std::get_if<T>(found);
  check(held != nullptr, Failure::data, print(node_), ": ", key, ": expected ", expected);
  return *held;
}

std::int64_t OnnxAttributeReader::integer(const std::string& key, std::int64_t usual) {
  return value<std::int64_t>(key, usual, "a whole number");
}

float OnnxAttributeReader::real(const std::string& key, float usual) {
  return value<float>(key, usual, "a number");
}

std::string OnnxAttributeReader::word(const std::string& key, const std::string& usual) {
  return value<std::string>(key, usual, "a text");
}

std::vector<std::int64_t> OnnxAttributeReader::integers(const std::string& key) {
  return value<std::vector<std::int64_t>>(key, {}, "whole numbers");
}

void OnnxAttributeReader::only(const std::string& key, std::int64_t expected) {
  const std::int64_t got = integer(key, expected);
  check(got == expected, Failure::data, print(node_), ": ", key, "=", got,
        " is not supported, expected ", expected);
}

void OnnxAttributeReader::finish() const {
  for (const auto& [key, value] : node_.attributes)
    check(std::find(taken_.begin(), taken_.end(), key) != taken_.end(), Failure::data, print(node_),
          ": attribute '", key, "' is not supported");
}

}  // namespace octet

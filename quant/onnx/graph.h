// An ONNX graph as plain data: constants, and nodes in an order in which every input comes before
// its use. Only graph_file.cpp knows the file's own types.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "framework/files.h"

namespace octet {

struct OnnxTensor {
  enum class Type { float32, int64, int32, int8, uint8 };
  Type type = Type::float32;
  std::vector<std::int64_t> dims;
  Bytes bytes;  ///< little endian, row by row

  std::int64_t elements() const;
  const float* floats() const { return reinterpret_cast<const float*>(bytes.data()); }
  const std::int64_t* integers() const {
    return reinterpret_cast<const std::int64_t*>(bytes.data());
  }
};

/// Bytes of one element.
std::size_t size_of(OnnxTensor::Type type);

template <class T>
OnnxTensor onnx_tensor(OnnxTensor::Type type, std::vector<std::int64_t> dims, const T* values,
                       std::size_t count) {
  const auto* const begin = reinterpret_cast<const std::uint8_t*>(values);
  return {type, std::move(dims), Bytes(begin, begin + count * sizeof(T))};
}

using OnnxAttribute = std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>,
                                   OnnxTensor, std::monostate>;  ///< the last: of another type

struct OnnxNode {
  std::string op, name;
  std::vector<std::string> inputs, outputs;
  std::map<std::string, OnnxAttribute> attributes;
};

/// A graph's input or output: a dimension of -1 is the symbol N.
struct OnnxValue {
  std::string name;
  OnnxTensor::Type type = OnnxTensor::Type::float32;
  std::vector<std::int64_t> dims;
};

struct OnnxGraph {
  std::string name;
  std::vector<OnnxValue> inputs, outputs;
  std::map<std::string, OnnxTensor> constants;
  std::vector<OnnxNode> nodes;
  std::map<std::string, std::string> metadata;
};

/// "node conv1 (Conv)", for messages.
std::string print(const OnnxNode& node);

/// Reads the attributes of a node and, at finish(), refuses those that nobody asked for.
/// Every message names the node, the attribute and what was expected: Error(data).
class OnnxAttributeReader {
 public:
  explicit OnnxAttributeReader(const OnnxNode& node) : node_(node) {}
  std::int64_t integer(const std::string& key, std::int64_t usual);
  float real(const std::string& key, float usual);
  std::string word(const std::string& key, const std::string& usual);
  /// Empty where it is missing.
  std::vector<std::int64_t> integers(const std::string& key);
  /// An integer that must be `expected`, which is also what a missing one means.
  void only(const std::string& key, std::int64_t expected);
  /// One that changes nothing here.
  void ignore(const std::string& key) { take(key); }
  void finish() const;

 private:
  const OnnxAttribute* take(const std::string& key);
  template <class T>
  T value(const std::string& key, T usual, const char* expected);
  const OnnxNode& node_;
  std::vector<std::string> taken_;
};

}  // namespace octet

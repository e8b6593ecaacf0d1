// What of a read graph is known without a picture: constants, also behind Identity nodes, and the
// shapes that exporters compute out of a value's own (x.view(x.size(0), -1)).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "quant/onnx/graph.h"

namespace octet {

class KnownValues {
 public:
  /// Keeps a reference to the graph's constants, and the nodes that are left to do for pictures.
  explicit KnownValues(OnnxGraph& graph);

  /// Null where the value depends on pictures or is not known.
  const OnnxTensor* constant(const std::string& name) const;
  /// The constant of float32, all finite. Throws Error(data), naming the node.
  const OnnxTensor& reals(const OnnxNode& node, std::size_t input, const char* what) const;
  /// The dimensions that the value asks a Reshape for; 0 is that of its input.
  std::optional<std::vector<std::int64_t>> dimensions(const std::string& name) const;

 private:
  bool take(const OnnxNode& node);
  const OnnxGraph& graph_;
  std::map<std::string, std::string> same_;                   // as a constant of another name
  std::map<std::string, std::vector<std::int64_t>> numbers_;  // 0: the number of images
  std::map<std::string, bool> shapes_;                        // shapes of values
};

}  // namespace octet

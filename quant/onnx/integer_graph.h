// The graph of an integer network: every edge's codes between QuantizeLinear and DequantizeLinear.
#pragma once

#include <string>
#include <vector>

#include "quant/onnx/graph.h"
#include "quant/onnx/onnx_file.h"

namespace octet {

/// The edges and stages of an IntegerNetwork, as write_onnx describes them. Throws Error(usage).
OnnxGraph integer_graph(const std::string& name, const std::vector<Edge>& edges,
                        const std::vector<Stage>& stages, const OnnxDescription& description,
                        bool list_edges);

}  // namespace octet

// Between the bytes of an ONNX file and a graph as plain data: opset 13, IR version 7.
#pragma once

#include "quant/onnx/graph.h"

namespace octet {

/// The number by which ONNX knows a type, such as the "to" of a Cast.
int code_of(OnnxTensor::Type type);

/// The file of a graph, which has passed ONNX's own checker and shape inference. Throws
/// Error(failed) with the checker's words where it has not, or where the file would reach 2 GiB.
Bytes serialize_onnx(const OnnxGraph& graph);

/// Throws Error(data) unless these are the bytes of an ONNX file of opset 7 up to 21 whose sizes
/// agree, whose nodes are of ONNX's own operators and come after what they take, and which keeps
/// nothing in other files. Constant nodes become constants. What it allocates is bounded by the
/// number of bytes.
OnnxGraph parse_onnx(const Bytes& bytes);

}  // namespace octet

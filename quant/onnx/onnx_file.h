// Networks as ONNX files (opset 13): images N x C x H x W with values 0 .. 255 as stored in a
// picture in `pixels`, scores N x K out of `scores`. The first nodes normalise as DataLoader does.
// https://onnx.ai/onnx/operators
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "framework/dataset.h"
#include "framework/files.h"
#include "framework/model.h"
#include "quant/integer/integer_network.h"

namespace octet {

/// What a file says besides the network.
struct OnnxDescription {
  Normalization normalization;
  /// Of the Model: its class names, data set, normalisation and loss become the file's metadata.
  std::map<std::string, std::string> attributes;
};

/// The network in float32, its weights as they are stored (float_weights makes them those that
/// products see); activations are not rounded. Every value has the name of the layer that makes it.
/// Throws an Error that names the layer for what ONNX cannot say, or where a tensor is missing.
Bytes write_onnx(const Model& model, const Normalization& normalization);

/// The network in integers, as float32 nodes between QuantizeLinear and DequantizeLinear: a runtime
/// that knows the pattern computes on codes. The codes of each edge have the edge's name; `edges`
/// makes them outputs too. Scores are the last product's reals. Throws Error(usage), naming the
/// stage, for what ONNX cannot say.
Bytes write_onnx(const IntegerNetwork& network, const OnnxDescription& description,
                 bool edges = false);

/// A classifier in float32 made of layers that Octet knows; batch dimensions may be anything.
/// Dropout is left out, a softmax at the end too. Normalisation nodes as written above become the
/// attributes `mean` and `deviation`; `classes`, `dataset` and `loss` come from metadata, each
/// where it is there. Throws Error(data), beginning with `source`, with one line that names the
/// node and the reason for whatever is not supported. What it allocates is bounded by the bytes.
Model read_onnx(const Bytes& bytes, std::string_view source);

}  // namespace octet

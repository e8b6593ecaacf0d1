// Post-training quantisation: from a float32 model and a few images to a model of codes, without
// training. Batch norms are folded, ranges of what flows are found, weights become codes with a
// scale each filter, and what their rounding adds to a filter's outputs on average comes off its
// bias:
//   b'[k] = b[k] - mean((decode(encode(w)) - w)[k] * x)
// (Nagel et al. 2019, 1906.04721, section 4.2). A product is linear, so the mean of its outputs is
// that for the mean image x of its inputs.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "framework/model.h"
#include "quant/numbers/calibration.h"
#include "quant/numbers/precision.h"

namespace octet {

/// The function that the model is in float32: batch norms folded where they follow a weighted
/// layer, nothing remembered but the statistics of those that are left.
Model float_model(const Model& model);

struct Calibration {
  std::map<std::string, ValueRange> ranges;   ///< by the state's name: "conv1.activation_range"
  std::map<std::string, Tensor> mean_inputs;  ///< of weighted layers, by name; 1 x H x W x C
};

struct RangeOptions {
  RangeMethod method = RangeMethod::minmax;
  double percentile = 99.99;
};

/// `model`: of float_model; `batches`: images, N x H x W x C each. Places that share a value share
/// a range. Throws Error(numbers) where values are not finite.
Calibration calibrate(const Model& model, const std::vector<Tensor>& batches,
                      const RangeOptions& how, const Format& activations);

struct PostTraining {
  Precision precision;  ///< weights of at most 8 bits on a symmetric grid, a scale each filter
  bool correct_biases = true;  ///< of layers that have one
  std::vector<std::string> float_layers;
};

/// The model in that precision: weights as int8 codes, ranges set, float_layers as they were.
/// Throws Error(usage) for names that are not there and formats of weights without int8 codes.
Model quantize(const Model& model, const Calibration& calibration, const PostTraining& how);

/// The layers that quantize has something to do in, in the order of the definition.
std::vector<std::string> quantized_layers(const Model& model, const Precision& precision);

}  // namespace octet

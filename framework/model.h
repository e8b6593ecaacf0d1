// A model: definition, named tensors, and what else is needed to use them (class names,
// normalisation, precision). The only thing written to disk.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "framework/spec.h"
#include "framework/tensor.h"

namespace octet {

/// Whether a tensor of this name is a parameter: a weight or bias ("conv1.weight", "fc1.bias"), or
/// the gamma or beta of a batch normalisation.
bool is_parameter(std::string_view name);

struct Model {
  Definition definition;
  /// Free text by key: "precision", "dataset", "classes" (one a line), "mean", "deviation"; a
  /// checkpoint adds "epoch", "step" and what training needs to go on.
  std::map<std::string, std::string> attributes;
  /// By name; a weight is float32, or int8 codes with a scale each filter: "conv1.weight",
  /// "conv1.activation_range", "optimizer.momentum.conv1.weight".
  std::map<std::string, Tensor> tensors;

  /// Throws Error(data) when the attribute is missing.
  const std::string& attribute(const std::string& key) const;
  /// The layers that stay in float32 whatever the precision, by name: attribute "float_layers",
  /// parted by spaces. None without it.
  std::vector<std::string> float_layers() const;
  /// Elements of all parameters.
  std::int64_t parameters() const;
};

/// Whether definition, attributes and every bit of every tensor are the same.
bool same_bits(const Model& a, const Model& b);

}  // namespace octet

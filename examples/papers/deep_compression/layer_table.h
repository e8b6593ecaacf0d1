// The paper's table of a network, layer by layer, with our figures beside its own.
#pragma once

#include <string>
#include <vector>

#include "examples/papers/deep_compression/pipeline.h"
#include "examples/papers/deep_compression/published.h"

namespace octet::papers {

/// The paper's columns, as numbers that can be averaged over seeds.
struct LayerFigures {
  double weights = 0;
  double kept = 0;  ///< %
  double weight_bits = 0, weight_bits_h = 0;
  double index_bits = 0, index_bits_h = 0;
  double size_pq = 0, size_h = 0;  ///< % of the dense bytes
};

/// Of the published layers, in their order, and of all their weights together. Throws Error(failed)
/// where a layer is missing.
std::vector<LayerFigures> layer_figures(const PublishedNetwork& paper, const Encoded& encoded);

/// The mean of tables of equal length.
std::vector<LayerFigures> average(const std::vector<std::vector<LayerFigures>>& tables);

/// Each figure is "ours / the paper's".
std::string layer_table(const PublishedNetwork& paper, const std::vector<LayerFigures>& ours);

}  // namespace octet::papers

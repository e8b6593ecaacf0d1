// A model's tensors through the three stages at the densities and bits of a published table,
// without any training.
#pragma once

#include "examples/papers/deep_compression/layer_table.h"
#include "examples/papers/deep_compression/pipeline.h"
#include "examples/papers/deep_compression/published.h"
#include "framework/model.h"

namespace octet::papers {

struct Account {
  Elapsed compressing;  ///< pruning and sharing
  Encoded encoded;
};

/// Prunes and shares the model's weights in place, one tensor at a time, encodes and decodes it.
/// Index fields are as wide as the first published layer's. Throws Error(failed) where a layer is
/// missing.
Account compress_by_paper(const PublishedNetwork& paper, Model& model);

}  // namespace octet::papers

// Batch normalisation taken into the layer before it, for a network that is no longer to be
// normalised: with a[k] = gamma[k] / sqrt(variance[k] + epsilon), for each output channel k,
//   w'[k, ...] = w[k, ...] a[k]      b'[k] = (b[k] - mean[k]) a[k] + beta[k]
// in double, rounded once. Jacob et al. 2017 (1712.05877), section 3.2.
#pragma once

#include "framework/model.h"

namespace octet {

/// The same function in evaluation mode without the batch norms that directly follow a convolution
/// or linear layer, in blocks too; these layers get a bias. The others stay, as does every name and
/// every zero weight. Nothing is folded where the weights' codes, or the grid of the master
/// weights, have one scale for all channels, as these would become other weights.
/// Remembered ranges are those of a layer's input and of the errors at its output. So the folded
/// layer's output keeps the range that the batch norm's had, which is that of whoever takes it; the
/// errors that reach it are others than before, and training finds their range anew. What an
/// optimiser remembers ("optimizer.", "training") belongs to other weights and is dropped. Throws
/// Error(data), naming a tensor that is missing, has another shape or gives weights that are not
/// finite.
Model fold_batch_norm(const Model& model);

}  // namespace octet

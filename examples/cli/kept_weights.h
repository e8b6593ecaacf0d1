// Networks whose weights are pruned or shared already, trained on: what was removed stays removed,
// what was shared stays shared.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "framework/network.h"
#include "quant/compression/tensor_report.h"

namespace octet::cli {

/// The zeros of weights that have any stay zero.
void keep_zeros(Network& network);

/// So many parameters keep zeros, and so many clusters.
struct KeptCounts {
  int zeros = 0, clusters = 0;
};

/// Keeps what is pruned, and what is stored as few shared values, in a network with the weights of
/// a file with these reports; nothing where no weight is either: that a bias has equal elements
/// means nothing then.
KeptCounts keep_as_stored(Network& network, const std::vector<TensorReport>& reports);

/// Folds the batch norms of a network of a model with these attributes, where that can be done
/// (layers/fold_batch_norm.h), and returns how many. Only masks survive of the constraints, and no
/// pointer to the parameters.
int fold_network(Network& network, const std::map<std::string, std::string>& attributes);

}  // namespace octet::cli

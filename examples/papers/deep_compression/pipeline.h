// Deep Compression (Han, Mao, Dally 2015), in the order of its sections, on networks being trained:
//   2    w_ij = 0 where |w_ij| is small; what is left is retrained, under dropout of the rate
//        D_r = D_o sqrt(C_r / C_o), C connections before and after (Han 2015, 1506.02626)
//   3.1  arg min over C of  sum over k, sum over w in c_k of |w - c_k|^2,  2^bits clusters a layer
//   3.3  dL/dC_k = sum over i, j of dL/dW_ij 1(I_ij = k)
//   2, 4 relative indices with fillers, two Huffman codes a layer, one file
// Symbol 0 stands for a filler, as in the authors' own file: 2^bits - 1 centroids are left for the
// weights of a pruned layer. Biases are not pruned; they are shared like weights, of which the
// paper says nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "examples/cli/session.h"
#include "examples/papers/common/experiment.h"
#include "framework/model.h"
#include "quant/compression/tensor_report.h"
#include "quant/compression/weight_sharing.h"

namespace octet::papers {

struct LayerChoice {
  std::string layer;
  double density;  ///< share of weights that live
  int bits;        ///< 2^bits symbols
};

struct Recipe {
  std::vector<LayerChoice> layers;
  int bias_bits = 0;   ///< of all biases; 0: they stay as they are
  double dropout = 0;  ///< D_o, behind every ReLU while the dense network trains
  Training dense, prune, tune;
  double falling = 2.0 / 3;  ///< share of the pruning epochs in which the densities still fall
};

/// A LeNet in training. Dropout of another rate is another network with the same parameters.
Network lenet(const std::string& name, const Task& task, double dropout);

/// Draws the dense network and trains it. What comes back has no dropout.
Network train_dense(const std::string& name, const Task& task, const Recipe& recipe,
                    std::uint64_t seed);

/// At `progress` 0 .. 1 the density of a layer is  d + (1 - d) (1 - progress)^3  (Zhu, Gupta 2017):
/// pruning and retraining take turns, most weights go early and the last ones carefully.
void prune_layers(Network& network, const Recipe& recipe, double progress);

/// Prunes before epochs and trains the survivors under their masks.
void prune_and_retrain(const std::string& name, Network& network, const Task& task,
                       const Recipe& recipe, std::uint64_t seed);

/// Gives every layer its centroids; with `bits` above 0 all layers that many bits.
void share_layers(Network& network, const Recipe& recipe, Centroids centroids, std::uint64_t seed,
                  int bits = 0);

/// Trains the centroids; which weight belongs to which stays. Adam, because the sums over a cluster
/// grow with its size and Adam's step does not.
void tune_centroids(Network& network, const Task& task, const Recipe& recipe, std::uint64_t seed);

/// A network's values and constraints, to go back to or to give to another one.
struct Saved {
  std::vector<Tensor> values;
  std::vector<std::vector<std::shared_ptr<Constraint>>> constraints;
};
Saved save(const Network& network);
void restore(const Saved& saved, Network& network);

/// The model with all that the file needs to be used.
Model described_model(const Network& network, const Task& task);

/// By the clock, and of the processors.
struct Elapsed {
  double seconds = 0, processor_seconds = 0;
};

/// Since it was made.
class Timer {
 public:
  Elapsed elapsed() const { return {watch_.seconds(), processor_seconds() - begin_}; }

 private:
  cli::Stopwatch watch_;
  double begin_ = processor_seconds();
};

/// What fields of fixed width take, in bytes, before Huffman coding.
struct FixedFields {
  std::int64_t pruned = 0;  ///< P: 32-bit weights and indices
  std::int64_t shared = 0;  ///< P+Q: symbols, indices and the codebook
  int index_bits = 0;       ///< of P+Q
};

struct Encoded {
  std::int64_t bytes = 0;
  std::vector<TensorReport> reports;
  Elapsed encoding, decoding;
  std::vector<FixedFields> fields;  ///< by tensor, as the reports
  Model decoded;
};
/// Encodes with the paper's coder, decodes, and throws Error(mismatch) where the decoded model is
/// not the encoded one, bit for bit. With `index_bits` 0 every tensor has the width of index that
/// suits it best, at each stage. What `decoded` holds comes from the bytes alone.
Encoded encode_and_decode(const Model& model, int index_bits = 0);

/// Bytes of the whole file after each stage: header, definition, checksum, codebooks, code tables
/// and biases counted; biases are plain floats until they are shared.
struct StageBytes {
  std::int64_t pruned = 0, shared = 0, coded = 0;
};
StageBytes stage_bytes(const Encoded& encoded);

/// 4 bytes x all parameters / bytes.
double ratio(const Model& model, std::int64_t bytes);

}  // namespace octet::papers

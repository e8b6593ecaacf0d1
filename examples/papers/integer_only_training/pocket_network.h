// PocketNN: Training and inference of neural networks via direct feedback alignment and pocket
// activations in pure integers. Song, Lin 2022. A multi-layer perceptron, for layer k = 1 .. L
//   z_k = (W_k y_(k-1) + b_k) / (2^8 n_(k-1)),   y_k = tanh(z_k),   y_0 = pixels, 0 .. 255
//   e = y_L - t                                    the loss 1/2 (y_L - t)^2; t = 15 for the label
//   E_L = e / s_L,   E_k = (B_k e) / s_k           s: the inverse slope; B: random, never trained
//   W_k = clip(W_k - (E_k y_(k-1)^T) / r),   b_k = clip(b_k - E_k / r)        summed over a batch
// All divisions cut off towards zero. W and b take 16 bits and begin as zeros; r is the inverse of
// the learning rate.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace octet::papers {

struct PocketLayer {
  std::int64_t inputs, units;
  std::vector<std::int16_t> W;  ///< units x inputs
  std::vector<std::int16_t> b;  ///< units
  std::vector<std::int16_t> B;  ///< units x classes, the feedback; none in the last layer
  // Of the last batch.
  std::vector<std::int16_t> y;              ///< pictures x units
  std::vector<std::int16_t> slope_inverse;  ///< pictures x units
  std::vector<std::int32_t> E;              ///< pictures x units
};

class PocketNetwork {
 public:
  static constexpr std::int32_t target = 15;
  static constexpr std::int16_t most_weight = 32767;

  /// `widths`: pixels, hidden units, classes. Throws Error(usage) for more than 2^16 inputs or
  /// units.
  PocketNetwork(const std::vector<std::int64_t>& widths, std::uint64_t seed);

  /// Scores of `count` pictures, count x classes; valid until the next call.
  const std::vector<std::int16_t>& forward(const std::uint8_t* pixels, std::int64_t count);

  /// One step on the pictures that `forward` has seen last. Throws Error(usage) for a batch so
  /// large that a gradient might not fit 32 bits.
  void backward(const std::vector<std::int32_t>& labels, std::int32_t learning_rate_inverse);

  const std::vector<PocketLayer>& layers() const { return layers_; }
  /// 16 hexadecimal digits over all weights and biases.
  std::string state_hash() const;

 private:
  void compute_errors(const std::vector<std::int32_t>& labels);
  void update(std::size_t k, std::int32_t learning_rate_inverse);

  std::int64_t count_ = 0;
  std::vector<std::int16_t> pixels_;
  std::vector<PocketLayer> layers_;
};

}  // namespace octet::papers

// The layers of a NITI network (Wang et al. 2020), forward and backward on int8 codes.
// Weighted layers: three products int8 x int8 -> int32, and the update
//   W = clip(W - G / 2^(b - mu)),  b = ceil(log2 max |G|)
// that keeps mu bits of the gradient, pseudo-stochastically rounded: mu stands for the learning
// rate. No exponent enters it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "examples/papers/integer_only_training/niti_tensor.h"
#include "framework/window.h"

namespace octet::papers {

struct NitiPass {
  bool training = false;
  int mu = 5;             ///< bits of an update
  std::uint64_t key = 0;  ///< of this step's random numbers
};

class NitiLayer {
 public:
  virtual ~NitiLayer() = default;
  /// What comes out must not be used after the next call.
  virtual const NitiTensor& forward(const NitiTensor& input, const NitiPass& pass) = 0;
  /// Takes dLoss/dOutput, updates weights, gives dLoss/dInput; nothing (null) without
  /// `wants_error`.
  virtual const NitiTensor* backward(const NitiTensor& error, const NitiPass& pass,
                                     bool wants_error) = 0;
  virtual const Tensor* weight() const { return nullptr; }
};

class NitiWeighted : public NitiLayer {
 public:
  /// Xavier's uniform range as codes: any of -127 .. 127, and the exponent of what they stand for.
  NitiWeighted(const Shape& weight, std::int64_t fan_in, std::int64_t fan_out, std::uint64_t key);
  const NitiTensor& forward(const NitiTensor& input, const NitiPass& pass) final;
  const NitiTensor* backward(const NitiTensor& error, const NitiPass& pass, bool wants_error) final;
  const Tensor* weight() const final { return &weight_.codes; }
  const std::vector<std::int64_t>& gradient() const { return gradient_; }

 protected:
  virtual void product(const Tensor& input, const Tensor& weight, NitiSums& sums) = 0;
  virtual void input_error(const Tensor& error, const Tensor& weight, const Shape& input,
                           NitiSums& sums) = 0;
  /// Exact sums, of the weight's shape.
  virtual void weight_gradient(const Tensor& input, const Tensor& error,
                               std::vector<std::int64_t>& gradient) = 0;

 private:
  void update(int mu);

  NitiTensor weight_, output_, input_error_;
  const NitiTensor* input_ = nullptr;
  NitiSums sums_;
  std::vector<std::int64_t> gradient_;
};

/// N x H x W x C -> N x OH x OW x K without bias.
class NitiConvolution : public NitiWeighted {
 public:
  NitiConvolution(std::int64_t inputs, std::int64_t channels, std::int64_t kernel,
                  std::int64_t padding, std::uint64_t key);

 protected:
  void product(const Tensor& input, const Tensor& weight, NitiSums& sums) override;
  void input_error(const Tensor& error, const Tensor& weight, const Shape& input,
                   NitiSums& sums) override;
  void weight_gradient(const Tensor& input, const Tensor& error,
                       std::vector<std::int64_t>& gradient) override;

 private:
  Window window_;
};

/// N x ... -> N x K without bias.
class NitiLinear : public NitiWeighted {
 public:
  NitiLinear(std::int64_t inputs, std::int64_t units, std::uint64_t key)
      : NitiWeighted({units, inputs}, inputs, units, key) {}

 protected:
  void product(const Tensor& input, const Tensor& weight, NitiSums& sums) override;
  void input_error(const Tensor& error, const Tensor& weight, const Shape& input,
                   NitiSums& sums) override;
  void weight_gradient(const Tensor& input, const Tensor& error,
                       std::vector<std::int64_t>& gradient) override;
};

/// max(x, 0).
class NitiRelu : public NitiLayer {
 public:
  const NitiTensor& forward(const NitiTensor& input, const NitiPass& pass) override;
  const NitiTensor* backward(const NitiTensor& error, const NitiPass& pass, bool wants) override;

 private:
  NitiTensor output_, input_error_;
};

/// The largest of each 2 x 2; of equals the first gets the error.
class NitiMaxPool : public NitiLayer {
 public:
  const NitiTensor& forward(const NitiTensor& input, const NitiPass& pass) override;
  const NitiTensor* backward(const NitiTensor& error, const NitiPass& pass, bool wants) override;

 private:
  Shape input_;
  std::vector<std::uint8_t> places_;  // of each output within its window
  NitiTensor output_, input_error_;
};

/// Half of the features, the same for the whole batch, are zero while it trains; the others count
/// double, which is the exponent's business.
class NitiDropout : public NitiLayer {
 public:
  const NitiTensor& forward(const NitiTensor& input, const NitiPass& pass) override;
  const NitiTensor* backward(const NitiTensor& error, const NitiPass& pass, bool wants) override;

 private:
  std::vector<std::int8_t> mask_;  // of each feature: 0 or 1
  NitiTensor output_, input_error_;
};

}  // namespace octet::papers

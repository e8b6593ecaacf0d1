// A layer with weights is three products:
//   forward   Y  = A * W
//   backward  E' = E * W^T     G = A^T * E
// This is the only code that applies the formats of a Precision; a product whose two operands have
// int8 codes runs on the codes. Kinds only say what their products are.
#pragma once

#include "framework/layer.h"
#include "layers/initializers.h"
#include "quant/numbers/precision.h"
#include "quant/numbers/quantizer.h"

namespace octet {

class WeightedLayer : public Layer {
 public:
  /// Called before the first pass; W, A, E, G act here, M is a constraint of the weight.
  void set_precision(const Precision& precision);
  const Precision& precision() const { return precision_; }

  /// Computes every product in float32, on the same codes: what integers must agree with.
  void simulate(bool simulated) { simulated_ = simulated; }

  std::int64_t parameter_count() const override;
  void allocate() override;
  void initialize(std::uint64_t seed) override;
  const Tensor& forward(const Tensor& input, const Pass& pass) override;
  const Tensor& backward(const Tensor& error, const Pass& pass) override;
  std::vector<Parameter*> parameters() override;
  std::vector<std::pair<std::string, Tensor*>> state() override;

 protected:
  struct WeightOptions {
    bool bias = true;
    Initializer initializer = Initializer::he;
  };
  explicit WeightedLayer(const WeightOptions& options) : options_(options) {}

  /// To be called by connect: the weight's shape. `inputs` and `outputs` are those of one unit.
  void set_weight(const Shape& shape, std::int64_t inputs, std::int64_t outputs);
  const WeightOptions& weight_options() const { return options_; }
  const Parameter& weight() const { return weight_; }

  // Operands are both int8 codes (result int32) or both float32. `bias` only with float32.
  virtual void product(const Tensor& input, const Tensor& weight, const Tensor* bias,
                       Tensor& output) = 0;
  virtual void input_error(const Tensor& error, const Tensor& weight, Tensor& result) = 0;
  virtual void weight_gradient(const Tensor& input, const Tensor& error, Tensor& result) = 0;

 private:
  const Tensor& operand(const Tensor& codes, bool as_integers, Tensor& floats) const;

  WeightOptions options_;
  Precision precision_;
  bool simulated_ = false;
  Shape weight_shape_;
  Parameter weight_, bias_;
  std::int64_t inputs_ = 1, outputs_ = 1;
  Quantizer quantize_weights_, quantize_activations_, quantize_errors_, quantize_gradients_;
  const Tensor* input_ = nullptr;
  Tensor weights_, activations_, errors_;  // codes (or reals where the format is f32)
  Tensor float_weights_, float_activations_, float_errors_;
  Tensor sums_, output_, passed_;
};

}  // namespace octet

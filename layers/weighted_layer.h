// A layer with weights is three products:
//   forward   Y  = A * W
//   backward  E' = E * W^T     G = A^T * E
// This is the only code that applies the formats of a Precision; a product whose two operands are
// 8-bit codes runs on the codes, one of bfloat16 on bfloat16. What arrives as codes is taken as it
// is; what leaves is encoded for whoever takes it (layers/flow.h). Kinds only say what their
// products are.
#pragma once

#include "framework/bfloat16.h"
#include "layers/emission.h"
#include "layers/initializers.h"
#include "layers/learned_scales.h"
#include "quant/integer/fused_product.h"
#include "quant/numbers/on_grid.h"
#include "quant/numbers/precision.h"
#include "quant/numbers/quantizer.h"

namespace octet {

class WeightedLayer : public FlowLayer {
 public:
  /// Called before the first pass; W, A, E, G act here, M is a constraint of the weight.
  void set_precision(const Precision& precision);
  const Precision& precision() const { return precision_; }

  /// Computes every product in float32, on the same codes: what integers must agree with.
  void simulate(bool simulated) { simulated_ = simulated; }

  Initializer initializer() const { return options_.initializer; }
  std::int64_t parameter_count() const override;
  void allocate() override;
  void initialize(std::uint64_t seed) override;
  const Tensor& forward(const Tensor& input, const Pass& pass) override;
  const Tensor& backward(const Tensor& error, const Pass& pass) override;
  std::vector<Parameter*> parameters() override;
  std::vector<std::pair<std::string, Tensor*>> state() override;

  bool takes_addends() const override { return true; }
  bool takes_zero_points() const override { return true; }
  Quantizer* input_quantizer() override { return &quantize_activations_; }
  Outlet error_inlet() override;
  /// Whether the errors that arrive as codes were multiplied by the scales of the weight's
  /// channels.
  void set_errors_folded(bool folded) { errors_folded_ = folded; }
  /// The weights that products see, as float32: by the layer's own formats, learned scales and the
  /// divisor of S=fan-in.
  Tensor weights_in_float();
  /// Whether the products see the values themselves, as elements `operands`: no format but float32,
  /// or bfloat16 in all three roles.
  bool sees_reals() const { return of_reals_; }
  Element operands() const { return operands_; }
  /// The product, bias, and the batch norm behind it, as integers (see integer_outlet); sets the
  /// scale of `output` where it holds scores.
  FusedProduct fuse(float input_scale, Edge& output, RequantRounding rounding);
  virtual Shape output_shape(std::int64_t images) const = 0;
  const Tensor* latest_output() const override { return &output_; }
  /// The element of outputs that are reals.
  void set_output_element(Element element) { output_element_ = element; }

 protected:
  struct WeightOptions {
    bool bias = true;
    Initializer initializer = Initializer::he;
    float max_norm = 0;  ///< of a unit's incoming weights; 0 for no bound
  };
  explicit WeightedLayer(const WeightOptions& options) : options_(options) {}

  /// To be called by connect: the weight's shape. `inputs` and `outputs` are those of one unit.
  void set_weight(const Shape& shape, std::int64_t inputs, std::int64_t outputs);
  const WeightOptions& weight_options() const { return options_; }
  const Parameter& weight() const { return weight_; }

  // Of reals; the weight is float32. `bias` may be null.
  virtual void product(const Tensor& input, const Tensor& weight, const Tensor* bias,
                       const Store& store, Tensor& output) = 0;
  virtual void input_error(const Tensor& error, const Tensor& weight, Element element,
                           Tensor& result) = 0;
  virtual void weight_gradient(const Tensor& input, const Tensor& error, Tensor& result) = 0;
  // Of codes: the sums of outputs and of input errors in blocks of images; the gradient with its
  // scales, one or one a row, and where wanted the errors summed for each row (null: not).
  virtual void product_sums(const Tensor& input, const Tensor& weight,
                            const products::SumsBody& body) = 0;
  virtual void input_error_sums(const Tensor& error, const Tensor& weight,
                                const products::SumsBody& body) = 0;
  virtual void weight_gradient_of_codes(const Tensor& input, const Tensor& error,
                                        const std::vector<float>& scales, Tensor& gradient,
                                        std::int64_t* error_sums) = 0;
  virtual Shape input_shape(std::int64_t images) const = 0;
  std::vector<std::pair<std::string, Quantizer*>> quantizers() override;

 private:
  const Tensor& as_operand(const Tensor& reals, Tensor& converted) const;
  const Tensor& as_floats(const Tensor& codes, Tensor& floats) const;
  /// The weights as the products see them.
  const Tensor& seen_weights() const {
    return of_reals_ || precision_.weights.is_float32() ? weight_.value : weights_;
  }
  LearnedScales* learned_scales(const Quantizer& of);
  void encode_weights(const Pass& pass);
  const Tensor& take_input(const Tensor& input, const Pass& pass);
  void evaluate_integers(const Tensor& codes);
  const Tensor& take_error(const Tensor& error, const Pass& pass);
  void make_gradients(const Tensor& error, const Pass& pass);
  bool products_of_codes(const Format& a, const Format& b) const {
    return a.fits_int8_product() && b.fits_int8_product();
  }

  WeightOptions options_;
  Precision precision_;
  bool simulated_ = false;
  bool of_reals_ = true;
  Element operands_ = Element::float32, output_element_ = Element::float32;
  Shape weight_shape_;
  Parameter weight_, bias_;
  std::int64_t inputs_ = 1, outputs_ = 1;
  Quantizer quantize_weights_, quantize_activations_, quantize_errors_, quantize_gradients_;
  std::shared_ptr<OnGrid> weight_on_grid_, bias_on_grid_;  // null where M is f32
  FanInShift fan_in_;
  std::vector<std::unique_ptr<LearnedScales>> learned_scales_;
  bool errors_folded_ = false;
  const Tensor* input_ = nullptr;          // as it arrived: codes or float32
  const Tensor* operand_ = nullptr;        // the input as the products see it
  Tensor weights_, activations_, errors_;  // codes (or reals where the format is f32)
  Tensor float_weights_, float_activations_, float_errors_;
  Tensor simulated_sums_, gradient_codes_, output_, passed_;
  std::vector<std::int64_t> error_sums_;
  Emission emission_;
};

}  // namespace octet

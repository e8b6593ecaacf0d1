// A fully connected layer, N x (anything) -> N x 1 x 1 x units, weights units x inputs.
#pragma once

#include "layers/weighted_layer.h"

namespace octet {

class Linear : public WeightedLayer {
 public:
  struct Options {
    std::int64_t units = 1;
    bool bias = true;
    Initializer initializer = Initializer::he;
    float max_norm = 0;  ///< see MaxNorm; 0 for no bound
  };
  explicit Linear(const Options& options);
  /// Reads units, bias, init, max_norm. Throws Error(usage).
  static std::unique_ptr<Layer> from(SpecReader& reader);

  Spec spec() const override;
  Shape connect(const Shape& input) override;
  Shape output_shape(std::int64_t images) const override { return {images, 1, 1, options_.units}; }

 protected:
  void product(const Tensor& input, const Tensor& weight, const Tensor* bias, const Store& store,
               Tensor& output) override;
  void input_error(const Tensor& error, const Tensor& weight, Element element,
                   Tensor& result) override;
  void weight_gradient(const Tensor& input, const Tensor& error, Tensor& result) override;
  void product_sums(const Tensor& input, const Tensor& weight,
                    const products::SumsBody& body) override;
  void input_error_sums(const Tensor& error, const Tensor& weight,
                        const products::SumsBody& body) override;
  void weight_gradient_of_codes(const Tensor& input, const Tensor& error,
                                const std::vector<float>& scales, Tensor& gradient,
                                std::int64_t* error_sums) override;
  Shape input_shape(std::int64_t images) const override { return input_.with_front(images); }

 private:
  Options options_;
  Shape input_;
};

}  // namespace octet

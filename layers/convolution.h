// A 2-D convolution, N x H x W x C -> N x OH x OW x K, filters K x kernel x kernel x C/groups.
#pragma once

#include "framework/window.h"
#include "layers/weighted_layer.h"

namespace octet {

class Convolution : public WeightedLayer {
 public:
  struct Options {
    std::int64_t channels = 1;  ///< K
    std::int64_t kernel = 3;
    std::int64_t stride = 1;
    std::int64_t padding = 0;  ///< on all four sides, below kernel
    std::int64_t groups = 1;   ///< divides C and K
    bool bias = true;
    Initializer initializer = Initializer::he;
    float max_norm = 0;  ///< see MaxNorm; 0 for no bound
  };
  explicit Convolution(const Options& options);
  /// Reads channels, kernel, stride, padding, groups, bias, init, max_norm. Throws
  /// Error(usage).
  static std::unique_ptr<Layer> from(SpecReader& reader);

  Spec spec() const override;
  Shape connect(const Shape& input) override;
  const Window& window() const { return window_; }
  Shape output_shape(std::int64_t images) const override { return output_.with_front(images); }

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
  Window window_;
  Shape input_, output_;  // H x W x C
};

}  // namespace octet

// Batch normalisation (Ioffe, Szegedy 2015), for each channel over batch and positions:
//   y = gamma (x - mean) / sqrt(variance + epsilon) + beta
// Training uses the batch's mean and variance and moves the running ones towards them; evaluation
// uses the running ones, as does training with frozen statistics. Sums are doubles over fixed
// chunks of rows, added in order.
#pragma once

#include "layers/emission.h"

namespace octet {

class BatchNorm : public FlowLayer {
 public:
  struct Options {
    double momentum = 0.1;  ///< the batch's share in the running mean and variance
    double epsilon = 1e-5;
    bool trains_gamma = true;  ///< else it stays 1
    double beta_rate = 1;      ///< factor of beta's learning rate
  };
  explicit BatchNorm(const Options& options) : options_(options) {}
  /// Reads momentum, epsilon, gamma (trained or fixed) and beta_rate. Throws Error(usage).
  static std::unique_ptr<Layer> from(SpecReader& reader);

  double epsilon() const { return options_.epsilon; }
  /// In evaluation y = factor[k] * x + offset[k].
  void running_affine(std::vector<double>& factors, std::vector<double>& offsets) const;
  /// Whether larger numbers stay larger, whatever is trained.
  bool keeps_order() const { return !options_.trains_gamma; }
  /// Whether the layer before does the work where it gives codes.
  void set_taken_in(bool taken_in) { taken_in_ = taken_in; }

  Spec spec() const override;
  Shape connect(const Shape& input) override;
  std::int64_t parameter_count() const override { return 2 * channels_; }
  void allocate() override;
  /// gamma 1, beta 0, running mean 0, running variance 1.
  void initialize(std::uint64_t seed) override;
  const Tensor& forward(const Tensor& input, const Pass& pass) override;
  const Tensor& backward(const Tensor& error, const Pass& pass) override;
  std::vector<Parameter*> parameters() override { return {&gamma_, &beta_}; }
  /// name.running_mean and name.running_variance; the variance is the unbiased one.
  std::vector<std::pair<std::string, Tensor*>> state() override;

  /// On codes: sums are exact integers, so statistics are those of the codes whatever the order;
  /// each channel of the input has a scale of its own, from the mean and deviation it had before.
  void set_flow_formats(const Format& activations, const Format& errors) override;
  bool takes_addends() const override { return true; }
  Quantizer* input_quantizer() override { return &activations_; }
  Outlet error_inlet() override { return {.quantizer = &errors_}; }

 protected:
  std::vector<std::pair<std::string, Quantizer*>> quantizers() override {
    return {{"activations", &activations_}, {"errors", &errors_}};
  }

 private:
  const Tensor& forward_codes(const Tensor& input, const Pass& pass);
  const Tensor& backward_codes(const Tensor& error, const Pass& pass);
  void sum_codes(const Tensor& e, const Tensor& y);
  void follow(float& running, double now) const;
  template <class Kernel>
  void sum_rows(std::int64_t rows, const Kernel& kernel);
  template <class Kernel>
  void each_rows(std::int64_t rows, const Kernel& kernel) const;
  void spread(std::int64_t k, double shift, double scale, double slope, double constant);
  void normalize_batch(const Tensor& input);
  void take_running();

  Options options_;
  bool taken_in_ = false;
  bool frozen_ = false;  // the latest training pass used the running statistics
  double share_ = 0;     // of the batch of this pass in the running statistics
  std::int64_t channels_ = 0;
  std::int64_t group_ = 1;  // rows that a kernel takes as one, so that few channels fill vectors
  std::int64_t chunk_ = 1;  // rows whose sums are taken together
  Parameter gamma_, beta_;
  Tensor running_mean_, running_variance_;
  const Tensor* input_ = nullptr;
  std::vector<double> parts_;           // of each chunk: two sums for each channel of a group
  std::vector<double> first_, second_;  // the two sums of each channel
  std::vector<float> mean_, inverse_;   // in the latest training pass: mean, 1 / deviation
  std::vector<float> shift_, scale_, slope_, constant_;  // for each channel of a group
  Quantizer activations_, errors_;
  Emission emission_;
  Tensor error_codes_;
  std::vector<std::int64_t> code_sums_, code_products_;
  std::vector<double> code_mean_;                        // in codes
  std::vector<float> factor_, second_factor_, offsets_;  // of each channel
  Tensor output_, passed_;
};

}  // namespace octet

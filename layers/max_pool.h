// The largest value of each window.
#pragma once

#include "layers/pooling.h"

namespace octet {

class MaxPool : public Pooling {
 public:
  explicit MaxPool(const Options& options) : Pooling(options) {}
  /// Reads window and stride (the window unless given). Throws Error(usage).
  static std::unique_ptr<Layer> from(SpecReader& reader);
  Spec spec() const override { return spec_of("max_pool"); }
  const Tensor* latest_output() const override { return &output_; }
  const Tensor& forward(const Tensor& input, const Pass& pass) override;
  /// The error goes to the first of the largest inputs of a window.
  const Tensor& backward(const Tensor& error, const Pass& pass) override;
  /// Of windows that do not overlap; where they do, errors would add up.
  Role role() const override;
  bool picks() const override { return true; }
  bool takes_zero_points() const override { return true; }

 private:
  const Tensor& forward_codes(const Tensor& input);
  const Tensor& forward_any_codes(const Tensor& input);
  const Tensor& backward_codes(const Tensor& error);
  template <class T, class Place>
  void forward_reals(const Tensor& input);
  template <class T, class Place>
  void backward_reals(const Tensor& error);
  Tensor places_;  // of each output: place within its window, 0, 1, ... row by row
};

}  // namespace octet

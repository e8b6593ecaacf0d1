// Dropout (Srivastava 2014): in training each value is zero with probability `rate`, else divided
// by 1 - rate; in evaluation nothing happens.
#pragma once

#include "layers/flow.h"

namespace octet {

class Dropout : public FlowLayer {
 public:
  struct Options {
    float rate = 0.5f;  ///< 0 up to 0.95
  };
  explicit Dropout(const Options& options) : options_(options) {}
  /// Reads rate. Throws Error(usage).
  static std::unique_ptr<Layer> from(SpecReader& reader);

  Spec spec() const override;
  Shape connect(const Shape& input) override { return input; }
  const Tensor& forward(const Tensor& input, const Pass& pass) override;
  const Tensor& backward(const Tensor& error, const Pass& pass) override;

  Role role() const override { return Role::passer; }
  bool takes_zero_points() const override { return true; }
  bool picks() const override { return true; }

 private:
  void apply(const Tensor& from, const Pass& pass, Tensor& to) const;
  Options options_;
  Tensor output_, passed_;
};

}  // namespace octet

// Maxout (Goodfellow 2013): the largest of `pieces` values in a row of channels,
//   y[k] = max over p of x[k * pieces + p],   N x H x W x (K * pieces) -> N x H x W x K.
#pragma once

#include <cstdint>

#include "framework/layer.h"

namespace octet {

class Maxout : public Layer {
 public:
  struct Options {
    std::int64_t pieces = 2;
  };
  explicit Maxout(const Options& options) : options_(options) {}
  /// Reads pieces. Throws Error(usage).
  static std::unique_ptr<Layer> from(SpecReader& reader);

  Spec spec() const override;
  /// Throws Error(usage) unless the channels are a multiple of the pieces.
  Shape connect(const Shape& input) override;
  /// float32.
  const Tensor& forward(const Tensor& input, const Pass& pass) override;
  const Tensor& backward(const Tensor& error, const Pass& pass) override;

 private:
  Options options_;
  Shape input_;                         // H x W x C
  std::vector<std::uint8_t> selected_;  // the piece that was largest, the first of equals
  Tensor output_, passed_;
};

}  // namespace octet

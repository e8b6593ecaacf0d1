// Max and average pooling over square windows without padding. Output extent:
// ceil((extent - window) / stride) + 1, the last windows cut off at the edge (as Caffe does).
#pragma once

#include "framework/layer.h"

namespace octet {

class Pooling : public Layer {
 public:
  struct Options {
    std::int64_t window = 2;
    std::int64_t stride = 2;
  };
  Shape connect(const Shape& input) override;

 protected:
  explicit Pooling(const Options& options) : options_(options) {}
  static Options read(SpecReader& reader);
  Spec spec_of(std::string kind) const;

  /// The window of output row or column `o` in an input of `extent`.
  struct Range {
    std::int64_t begin, end;
  };
  Range range(std::int64_t o, std::int64_t extent) const;

  Options options_;
  Shape input_shape_, output_shape_;  // H x W x C
  Tensor output_, passed_;
};

class MaxPool : public Pooling {
 public:
  explicit MaxPool(const Options& options) : Pooling(options) {}
  /// Reads window and stride (the window unless given). Throws Error(usage).
  static std::unique_ptr<Layer> from(SpecReader& reader);
  Spec spec() const override { return spec_of("max_pool"); }
  const Tensor& forward(const Tensor& input, const Pass& pass) override;
  /// The error goes to the first of the largest inputs of a window.
  const Tensor& backward(const Tensor& error, const Pass& pass) override;

 private:
  std::vector<std::int32_t> sources_;  // of each output: index of its input within the image
};

class AveragePool : public Pooling {
 public:
  explicit AveragePool(const Options& options) : Pooling(options) {}
  /// Reads window and stride (the window unless given). Throws Error(usage).
  static std::unique_ptr<Layer> from(SpecReader& reader);
  Spec spec() const override { return spec_of("average_pool"); }
  const Tensor& forward(const Tensor& input, const Pass& pass) override;
  const Tensor& backward(const Tensor& error, const Pass& pass) override;
};

}  // namespace octet

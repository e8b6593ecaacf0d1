// Max and average pooling over square windows without padding. Output extent:
// ceil((extent - window) / stride) + 1, the last windows cut off at the edge (as Caffe does).
#pragma once

#include "layers/code_pooling.h"
#include "layers/emission.h"
#include "layers/simulated_codes.h"

namespace octet {

class Pooling : public FlowLayer {
 public:
  struct Options {
    std::int64_t window = 2;
    std::int64_t stride = 2;
  };
  Shape connect(const Shape& input) override;
  kernels::PoolGeometry geometry() const;

 protected:
  explicit Pooling(const Options& options) : options_(options) {}
  static Options read(SpecReader& reader);
  Spec spec_of(std::string kind) const;

  /// The window of output row or column `o` in an input of `extent`.
  struct Range {
    std::int64_t begin, end;
  };
  Range range(std::int64_t o, std::int64_t extent) const;
  /// Inputs in a window.
  static float area(const Range& rows, const Range& columns);
  /// Whether no window is cut off at an edge.
  bool whole_windows() const;

  Options options_;
  Shape input_shape_, output_shape_;  // H x W x C
  Tensor output_, passed_;
  const Tensor* input_ = nullptr;
};

/// What average pooling of codes needs, for windows that lie within the image.
class AveragePoolingOfCodes {
 public:
  void set_formats(const std::string& layer, const Format& activations, const Format& errors);
  Quantizer* input_quantizer() {
    return simulated_.on() ? &simulated_.quantizer() : &activations_;
  }
  /// Reals as training with simulated codes sees them, and their errors.
  SimulatedCodes& simulated() { return simulated_; }
  /// In the integers of quant/integer/integer_network.h: `edge` is that of the codes that leave.
  static void evaluate(const Tensor& codes, const kernels::PoolGeometry& geometry, const Edge& edge,
                       bool rectify, Tensor& output);
  Outlet error_inlet() { return {.quantizer = &errors_}; }
  std::vector<std::pair<std::string, Tensor*>> state(const std::string& layer);
  std::vector<std::pair<std::string, Quantizer*>> quantizers();

  void forward(const Tensor& input, const kernels::PoolGeometry& geometry, const Outlet& outlet,
               const Pass& pass, Tensor& output);
  /// `error`: codes, or float32 of the loss.
  void backward(const Tensor& error, const Tensor& input, const kernels::PoolGeometry& geometry,
                const Outlet& outlet, const Pass& pass, Tensor& passed);

 private:
  Quantizer activations_, errors_;
  SimulatedCodes simulated_;
  Emission emission_;
  Tensor error_codes_;
};

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

class AveragePool : public Pooling {
 public:
  explicit AveragePool(const Options& options) : Pooling(options) {}
  /// Reads window and stride (the window unless given). Throws Error(usage).
  static std::unique_ptr<Layer> from(SpecReader& reader);
  Spec spec() const override { return spec_of("average_pool"); }
  const Tensor* latest_output() const override { return &output_; }
  const Tensor& forward(const Tensor& input, const Pass& pass) override;
  const Tensor& backward(const Tensor& error, const Pass& pass) override;
  Role role() const override { return whole_windows() ? Role::maker : Role::stopper; }
  void set_flow_formats(const Format& activations, const Format& errors) override;
  Quantizer* input_quantizer() override { return codes_.input_quantizer(); }
  Outlet error_inlet() override { return codes_.error_inlet(); }
  std::vector<std::pair<std::string, Tensor*>> state() override { return codes_.state(name()); }

 protected:
  std::vector<std::pair<std::string, Quantizer*>> quantizers() override {
    return codes_.quantizers();
  }

 private:
  AveragePoolingOfCodes codes_;
};

}  // namespace octet

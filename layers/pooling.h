// What the kinds of pooling share: square windows without padding. Output extent:
// ceil((extent - window) / stride) + 1, the last windows cut off at the edge (as Caffe does), or
// with ceil_mode=0 floor((extent - window) / stride) + 1: what they would cover is dropped.
#pragma once

#include "layers/code_pooling.h"
#include "layers/flow.h"

namespace octet {

class Pooling : public FlowLayer {
 public:
  struct Options {
    std::int64_t window = 2;
    std::int64_t stride = 2;
    bool ceil_mode = true;
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

namespace kernels {

/// Sums of one image, zero at first; valid until the thread's next call.
float* zero_sums(std::int64_t count);
/// In the element of the values that were summed.
void round_sums(const float* sums, std::int64_t count, float* rounded);
void round_sums(const float* sums, std::int64_t count, std::uint16_t* bfloat16);

}  // namespace kernels

}  // namespace octet

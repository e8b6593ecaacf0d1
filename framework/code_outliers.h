// Products of int8 weights of which single ones are far larger than the rest of their filter (a
// Dirac kernel's centre): what these codes are more than a byte holds is added to the sums of the
// bytes, "dense and sparse" (Kim et al. 2023, SqueezeLLM). Exact, as the sums are.
#pragma once

#include <cstdint>
#include <vector>

#include "framework/tensor.h"
#include "framework/window.h"

namespace octet::products {

/// The outliers of a convolution's weights (K x KH x KW x C/groups), or of a matrix's (K x C),
/// whose images are rows.
class CodeOutliers {
 public:
  CodeOutliers(const Tensor& weight, const Window& window);

  /// To the output's sums of images first .. first + count - 1 of `input` (N x H x W x C, int8 or
  /// uint8, whose zero point is taken off).
  void add_to_outputs(const Tensor& input, std::int64_t first, std::int64_t count,
                      std::int32_t* sums) const;
  /// To the sums of the error at an input of shape `input`, from int8 `error` (N x OH x OW x K).
  void add_to_input_errors(const Tensor& error, const Shape& input, std::int64_t first,
                           std::int64_t count, std::int32_t* sums) const;

 private:
  // Filters in a row whose outliers are at the same place of the window, in channels in a row.
  struct Run {
    std::int64_t row = 0, column = 0, channel = 0, filter = 0;
    std::vector<std::int32_t> excess;
  };
  // Calls body(run, input's offset, output's offset) for every place that a run's window takes.
  template <class Body>
  void each_place(const Shape& input, const Body& body) const;
  std::int64_t output_size(const Shape& input) const;

  std::vector<Run> runs_;
  Window window_;
  std::int64_t filters_;
};

}  // namespace octet::products

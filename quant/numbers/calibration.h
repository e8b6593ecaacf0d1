// The range of values that codes shall stand for, found in samples of them:
//   minmax      all of them
//   percentile  without the outermost ones, a share of (100 - percentile) % in all
//   mse         the least squared error of the codes
//   entropy     the least divergence of the codes' distribution from the values' (TensorRT)
// All but the first need a histogram over the range that all values have.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "framework/tensor.h"
#include "quant/numbers/format.h"

namespace octet {

enum class RangeMethod { minmax, percentile, mse, entropy };

std::string_view print(RangeMethod method);
/// Throws Error(usage) unless the text is minmax, percentile, mse or entropy.
RangeMethod parse_range_method(std::string_view text);

/// Least and most; 0 lies within.
struct ValueRange {
  float least = 0, most = 0;
  bool operator==(const ValueRange&) const = default;
};

/// Widens the range to these values. Throws Error(numbers) where they are not finite.
void widen(ValueRange& range, const Tensor& values);

class Histogram {
 public:
  static constexpr int bins = 2048;
  explicit Histogram(const ValueRange& range = {}) : range_(range), counts_(bins) {}

  /// Values beyond the range count in the bins at its ends.
  void add(const Tensor& values);
  const ValueRange& range() const { return range_; }
  double width() const { return (static_cast<double>(range_.most) - range_.least) / bins; }
  /// The middle of a bin.
  double middle(int bin) const { return range_.least + (bin + 0.5) * width(); }
  const std::vector<std::int64_t>& counts() const { return counts_; }

 private:
  ValueRange range_;
  std::vector<std::int64_t> counts_;
};

/// `format`: an integer grid with rule minmax; `percentile`: 50 to 100.
ValueRange choose_range(const Histogram& histogram, RangeMethod method, const Format& format,
                        double percentile);

/// The squared error of the codes of a range, summed over the histogram.
double squared_error(const Histogram& histogram, const ValueRange& range, const Format& format);

}  // namespace octet

// What flows through a NITI network: int8 codes and one exponent, real = code * 2^exponent. Sums of
// products keep 32 bits until the largest of them is known:
//   shift = ceil(log2 max |sum|) - 7;   code = round(sum / 2^shift), exponent += shift, if shift >
//   0
#pragma once

#include <atomic>
#include <cstdint>

#include "framework/code_products.h"
#include "framework/tensor.h"

namespace octet::papers {

struct NitiTensor {
  Tensor codes;
  int exponent = 0;
};

/// 32-bit sums and the largest magnitude among them.
class NitiSums {
 public:
  /// Makes room for sums of this shape and gives what takes them from a product.
  products::SumsBody take(const Shape& shape);
  /// Codes of them; `exponent` is the sums'.
  void encode(int exponent, NitiTensor& to) const;

  const Tensor& sums() const { return sums_; }
  std::int64_t largest() const { return largest_; }

 private:
  Tensor sums_;
  std::atomic<std::int64_t> largest_{0};
};

}  // namespace octet::papers

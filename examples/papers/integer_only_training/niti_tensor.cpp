#include "examples/papers/integer_only_training/niti_tensor.h"

#include <cstring>

#include "examples/papers/integer_only_training/niti_rounding.h"
#include "framework/parallel.h"

namespace octet::papers {
namespace {

constexpr std::int64_t grain = 1 << 15;

OCTET_KERNEL std::int64_t largest_magnitude(const std::int32_t* sums, std::int64_t count) {
  std::int32_t least = 0, most = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    least = std::min(least, sums[i]);
    most = std::max(most, sums[i]);
  }
  return std::max<std::int64_t>(-std::int64_t{least}, most);
}

OCTET_KERNEL void encode_range(const std::int32_t* sums, std::int64_t count, int shift,
                               std::int8_t* codes) {
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int32_t value = shift > 0 ? shift_to_nearest(sums[i], shift) : sums[i];
    codes[i] = static_cast<std::int8_t>(std::clamp(value, -niti_most, niti_most));
  }
}

}  // namespace

products::SumsBody NitiSums::take(const Shape& shape) {
  sums_.resize(shape, Element::int32);
  largest_ = 0;
  const std::int64_t size = shape.elements() / shape[0];
  return [this, size](std::int64_t first, std::int64_t count, const std::int32_t* sums) {
    std::memcpy(sums_.data<std::int32_t>() + first * size, sums,
                static_cast<std::size_t>(count * size) * sizeof(std::int32_t));
    const std::int64_t here = largest_magnitude(sums, count * size);
    // A maximum does not depend on who comes first.
    std::int64_t known = largest_;
    while (known < here && !largest_.compare_exchange_weak(known, here)) {
    }
  };
}

void NitiSums::encode(int exponent, NitiTensor& to) const {
  const int shift = std::max(0, bits_of(largest_) - niti_bits);
  to.codes.resize(sums_.shape(), Element::int8);
  to.exponent = exponent + shift;
  auto* const codes = to.codes.data<std::int8_t>();
  const auto* const sums = sums_.data<std::int32_t>();
  parallel_for(sums_.elements(), grain, [&](std::int64_t begin, std::int64_t end) {
    encode_range(sums + begin, end - begin, shift, codes + begin);
  });
}

}  // namespace octet::papers

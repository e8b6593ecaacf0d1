#include "framework/zero_point.h"

#include <cstring>

#include "framework/parallel.h"

namespace octet::products {
namespace {

OCTET_KERNEL std::int32_t sum_of(const std::int8_t* codes, std::int64_t count) {
  std::int32_t sum = 0;
  for (std::int64_t i = 0; i < count; ++i) sum += codes[i];
  return sum;
}

OCTET_KERNEL void subtract(const std::int32_t* __restrict shifts, std::int64_t filters,
                           std::int32_t* __restrict sums) {
  for (std::int64_t k = 0; k < filters; ++k) sums[k] -= shifts[k];
}

}  // namespace

void filter_sums(const Tensor& weight, std::vector<std::int32_t>& sums) {
  const std::int64_t filters = weight.shape()[0], row = weight.elements() / filters;
  sums.resize(static_cast<std::size_t>(filters));
  for (std::int64_t k = 0; k < filters; ++k)
    sums[static_cast<std::size_t>(k)] = sum_of(weight.data<std::int8_t>() + k * row, row);
}

Window without_padding(const Window& window) {
  Window inner = window;
  inner.pad_top = inner.pad_bottom = inner.pad_left = inner.pad_right = 0;
  return inner;
}

Shape padded_shape(const Shape& images, const Window& window) {
  return {images[0], images[1] + window.pad_top + window.pad_bottom,
          images[2] + window.pad_left + window.pad_right, images[3]};
}

void pad_codes(const std::uint8_t* codes, const Shape& images, const Window& window,
               std::uint8_t zero, std::uint8_t* padded) {
  const Shape outer = padded_shape(images, window);
  const std::int64_t line = images[2] * images[3], outer_line = outer[2] * outer[3];
  const auto bytes = [](std::int64_t count) { return static_cast<std::size_t>(count); };
  for (std::int64_t n = 0; n < images[0]; ++n)
    for (std::int64_t y = 0; y < outer[1]; ++y, padded += outer_line) {
      const std::int64_t row = y - window.pad_top;
      if (row < 0 || row >= images[1]) {
        std::memset(padded, zero, bytes(outer_line));
        continue;
      }
      const std::int64_t left = window.pad_left * images[3];
      std::memset(padded, zero, bytes(left));
      std::memcpy(padded + left, codes + (n * images[1] + row) * line, bytes(line));
      std::memset(padded + left + line, zero, bytes(outer_line - left - line));
    }
}

void zero_shifts(const Tensor& weight, std::int32_t zero_point, std::vector<std::int32_t>& shifts) {
  if (zero_point == 0) return;
  filter_sums(weight, shifts);
  for (std::int32_t& sum : shifts) sum *= zero_point;
}

void take_off(const std::vector<std::int32_t>& shifts, std::int64_t count, std::int32_t* sums) {
  const auto filters = static_cast<std::int64_t>(shifts.size());
  for (std::int64_t i = 0; i < count; i += filters) subtract(shifts.data(), filters, sums + i);
}

}  // namespace octet::products

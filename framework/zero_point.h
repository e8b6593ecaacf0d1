// Products of codes whose zero is not the code 0:
//   sum of w (x - z) = sum of w x - z sum of w
// where padding, which stands for the real 0, has the code z. Jacob et al. 2017, section 2.3.
#pragma once

#include <cstdint>
#include <vector>

#include "framework/tensor.h"
#include "framework/window.h"

namespace octet::products {

/// The sum of each filter's codes (int8; filters along the first axis).
void filter_sums(const Tensor& weight, std::vector<std::int32_t>& sums);

/// The window over images that have their padding around them.
Window without_padding(const Window& window);
Shape padded_shape(const Shape& images, const Window& window);
/// int8 or uint8 codes of `images` (N x H x W x C) -> padded_shape, with the code `zero` around.
void pad_codes(const std::uint8_t* codes, const Shape& images, const Window& window,
               std::uint8_t zero, std::uint8_t* padded);

/// zero_point times the filters' sums; without one nothing is computed.
void zero_shifts(const Tensor& weight, std::int32_t zero_point, std::vector<std::int32_t>& shifts);
/// Takes them off `count` sums, in place; the first is one of the first filter.
void take_off(const std::vector<std::int32_t>& shifts, std::int64_t count, std::int32_t* sums);

}  // namespace octet::products

// Products of codes whose zero is not the code 0:
//   sum of w (x - z) = sum of w x - z sum of w
// where padding, which stands for the real 0, has the code z. Jacob et al. 2017, section 2.3.
#pragma once

#include <cstdint>
#include <vector>

#include "framework/code_products.h"

namespace octet::products {

/// The sum of each filter's codes (int8; filters along the first axis).
void filter_sums(const Tensor& weight, std::vector<std::int32_t>& sums);

/// The window over images that have their padding around them.
Window without_padding(const Window& window);
Shape padded_shape(const Shape& images, const Window& window);
/// int8 or uint8 codes of `images` (N x H x W x C) -> padded_shape, with the code `zero` around.
void pad_codes(const std::uint8_t* codes, const Shape& images, const Window& window,
               std::uint8_t zero, std::uint8_t* padded);

/// Calls the body with z times the filters' sums taken off each sum. Any `sums` a row.
SumsBody without_zero_point(const Tensor& weight, std::int32_t zero_point, const SumsBody& body,
                            std::int64_t row);

}  // namespace octet::products

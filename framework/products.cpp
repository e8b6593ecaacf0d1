#include "framework/products.h"

#include <algorithm>
#include <cstring>

#include "framework/check.h"
#include "framework/code_products.h"
#include "framework/dnn.h"
#include "framework/parallel.h"

namespace octet::products {
namespace {

constexpr std::int64_t most_product = 127 * 127;
constexpr std::int64_t int32_terms = ((std::int64_t{1} << 31) - 1) / most_product;
constexpr std::int64_t unfold_bytes = 1 << 20, least_positions = 2048;

// Writes the patches that a window sees at output positions first .. last - 1 (over the batch), one
// row of KH x KW x C/groups codes each; padding is zero.
void unfold(const Tensor& input, const Window& window, std::int64_t group, std::int64_t first,
            std::int64_t last, std::int8_t* rows) {
  const Shape& s = input.shape();
  const std::int64_t output_h = window.output_h(s[1]), output_w = window.output_w(s[2]);
  const std::int64_t channels = s[3] / window.groups;
  const std::int64_t row_size = window.kernel_h * window.kernel_w * channels;
  const auto* codes = input.data<std::int8_t>();
  parallel_for(last - first, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t position = first + i;
      const std::int64_t n = position / (output_h * output_w);
      const std::int64_t top = position / output_w % output_h * window.stride - window.pad_top;
      const std::int64_t left = position % output_w * window.stride - window.pad_left;
      std::int8_t* row = rows + i * row_size;
      for (std::int64_t kh = 0; kh < window.kernel_h; ++kh, row += window.kernel_w * channels) {
        const std::int64_t h = top + kh;
        if (h < 0 || h >= s[1]) {
          std::memset(row, 0, static_cast<std::size_t>(window.kernel_w * channels));
          continue;
        }
        const std::int8_t* line = codes + (n * s[1] + h) * s[2] * s[3];
        if (window.groups == 1 && left >= 0 && left + window.kernel_w <= s[2]) {
          std::memcpy(row, line + left * s[3],
                      static_cast<std::size_t>(window.kernel_w * channels));
          continue;
        }
        for (std::int64_t kw = 0; kw < window.kernel_w; ++kw) {
          const std::int64_t w = left + kw;
          if (w < 0 || w >= s[2]) {
            std::memset(row + kw * channels, 0, static_cast<std::size_t>(channels));
          } else {
            std::memcpy(row + kw * channels, line + w * s[3] + group * channels,
                        static_cast<std::size_t>(channels));
          }
        }
      }
    }
  });
}

// Calls body(group, first, last, rows) for blocks of unfolded positions.
template <class Body>
void each_unfolded_block(const Tensor& input, const Window& window, const Body& body) {
  const Shape& s = input.shape();
  const std::int64_t positions = s[0] * window.output_h(s[1]) * window.output_w(s[2]);
  const std::int64_t row = window.kernel_h * window.kernel_w * s[3] / window.groups;
  const std::int64_t block = std::clamp(unfold_bytes / row, least_positions, int32_terms);
  static thread_local std::vector<std::int8_t> rows;
  rows.resize(static_cast<std::size_t>(std::min(block, positions) * row));
  for (std::int64_t group = 0; group < window.groups; ++group)
    for (std::int64_t first = 0; first < positions; first += block) {
      const std::int64_t last = std::min(positions, first + block);
      unfold(input, window, group, first, last, rows.data());
      body(group, first, last, rows.data());
    }
}

// Whether the sums over all positions fit int32, whatever the inputs: 127 times the sum of the
// error's magnitudes by channel.
bool gradient_fits_int32(const Tensor& error) {
  const std::int64_t channels = error.shape().back(), rows = error.elements() / channels;
  if (rows <= int32_terms) return true;
  std::vector<std::int64_t> sums(static_cast<std::size_t>(channels));
  const auto* codes = error.data<std::int8_t>();
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t k = 0; k < channels; ++k)
      sums[static_cast<std::size_t>(k)] += std::abs(codes[r * channels + k]);
  return *std::max_element(sums.begin(), sums.end()) * 127 < (std::int64_t{1} << 31);
}

void weight_gradient_of_codes(const Tensor& input, const Tensor& error, const Window& window,
                              const Shape& weight, Tensor& gradient) {
  const std::int64_t filters = weight[0], part = filters / window.groups;
  const std::int64_t row = weight.elements() / filters;
  const bool fits = gradient_fits_int32(error);
  Tensor block({part, row}, Element::int32);
  std::vector<double> sums;  // of exact int32 blocks; doubles hold integers up to 2^53
  gradient.resize(weight, fits ? Element::int32 : Element::float32);
  if (!fits) sums.resize(static_cast<std::size_t>(weight.elements()));
  each_unfolded_block(
      input, window,
      [&](std::int64_t group, std::int64_t first, std::int64_t last, const std::int8_t* rows) {
        const CodeMatrix errors{error.data<std::int8_t>() + first * filters + group * part,
                                Element::int8, filters, true};
        const CodeMatrix patches{rows, Element::int8, row, false};
        if (fits)
          return gemm_exact(part, row, last - first, errors, patches, first > 0,
                            gradient.data<std::int32_t>() + group * part * row);
        gemm_exact(part, row, last - first, errors, patches, false, block.data<std::int32_t>());
        for (std::int64_t i = 0; i < part * row; ++i)
          sums[static_cast<std::size_t>(group * part * row + i)] += block.data<std::int32_t>()[i];
      });
  if (!fits) std::copy(sums.begin(), sums.end(), gradient.floats());
}

bool of_codes(const Tensor& b) { return b.element() == Element::int8; }

// Gathers the blocks of a product of codes into one tensor of `shape`.
template <class Product>
void gather(const Shape& shape, Tensor& sums, const Product& product) {
  sums.resize(shape, Element::int32);
  const std::int64_t size = shape.elements() / shape[0];
  auto* const out = sums.data<std::int32_t>();
  product([&](std::int64_t first, std::int64_t count, const std::int32_t* block) {
    std::copy_n(block, count * size, out + first * size);
  });
}

}  // namespace

void convolution(const Tensor& input, const Tensor& weight, const Tensor* bias,
                 const Window& window, Tensor& output) {
  if (!of_codes(weight)) return dnn::convolution(input, weight, bias, window, output);
  assert(!bias);
  gather(convolution_shape(input.shape(), weight.shape(), window), output,
         [&](const SumsBody& body) { convolution_sums(input, weight, window, body); });
}

void convolution_input_error(const Tensor& error, const Tensor& weight, const Window& window,
                             const Shape& input, Tensor& input_error) {
  if (!of_codes(weight))
    return dnn::convolution_input_error(error, weight, window, input, input_error);
  gather(input, input_error,
         [&](const SumsBody& body) { input_error_sums(error, weight, window, input, body); });
}

void convolution_weight_gradient(const Tensor& input, const Tensor& error, const Window& window,
                                 const Shape& weight, Tensor& gradient) {
  if (of_codes(error))
    return weight_gradient_of_codes(input, error, window, weight, gradient);
  dnn::convolution_weight_gradient(input, error, window, weight, gradient);
}

void matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, Tensor& c) {
  const std::int64_t m = a.shape()[transpose_a ? 1 : 0], depth = a.shape()[transpose_a ? 0 : 1];
  const std::int64_t n = b.shape()[transpose_b ? 0 : 1];
  assert(depth == b.shape()[transpose_b ? 1 : 0]);
  if (of_codes(b)) {
    c.resize({m, n}, Element::int32);
    gemm_exact(m, n, depth, {a.raw(), a.element(), a.shape()[1], transpose_a},
               {b.raw(), Element::int8, b.shape()[1], transpose_b}, false, c.data<std::int32_t>());
  } else {
    c.resize({m, n});
    dnn::gemm(m, n, depth, {a.raw(), a.shape()[1], transpose_a},
              {b.raw(), b.shape()[1], transpose_b}, false, c.floats());
  }
}

}  // namespace octet::products

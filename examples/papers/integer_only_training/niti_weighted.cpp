// The layers with weights: what they share, and their three products.
#include <algorithm>
#include <cassert>
#include <cstring>

#include "examples/papers/integer_only_training/niti_layers.h"
#include "examples/papers/integer_only_training/niti_rounding.h"
#include "framework/parallel.h"
#include "framework/random.h"

namespace octet::papers {
namespace {

constexpr std::int64_t grain = 1 << 14;
// Products of two codes whose sum is sure to fit 32 bits.
constexpr std::int64_t exact_terms = ((std::int64_t{1} << 31) - 1) / (niti_most * niti_most);
// Bytes of unfolded images at a time.
constexpr std::int64_t unfolded_bytes = 4 << 20;

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

// ceil(log2 sqrt(6 / fans)) - 7: the least exponent at which 2^7 codes reach Xavier's range.
int xavier_exponent(std::int64_t fans) {
  int exponent = 0;
  for (std::int64_t square = 6; square * 4 <= fans; square *= 4) --exponent;
  return exponent - niti_bits;
}

OCTET_KERNEL void step(const std::int64_t* gradient, std::int64_t count, int shift,
                       std::int8_t* weights) {
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t g =
        shift > 0 ? shift_pseudo_stochastic(gradient[i], shift) : niti_clip(gradient[i]);
    weights[i] = niti_clip(weights[i] - g);
  }
}

// C += A^T B of codes: A is depth x m, B depth x n, rows first; depth is at most exact_terms.
void add_product(std::int64_t m, std::int64_t n, std::int64_t depth, const std::int8_t* a,
                 const std::int8_t* b, std::vector<std::int32_t>& part,
                 std::vector<std::int64_t>& c) {
  assert(depth <= exact_terms);
  part.resize(index(m * n));
  products::gemm_exact(m, n, depth, {a, Element::int8, m, true}, {b, Element::int8, n, false},
                       false, part.data());
  parallel_for(m * n, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) c[index(i)] += part[index(i)];
  });
}

// What the window sees at each output position of one image, a row of KH x KW x C codes each. What
// lies side by side in the image does so in the row.
void unfold(const std::int8_t* image, const Shape& s, const Window& window, std::int8_t* row) {
  const std::int64_t oh = window.output_h(s[1]), ow = window.output_w(s[2]), c = s[3];
  const std::int64_t line = window.kernel_w * c;
  for (std::int64_t y = 0; y < oh; ++y)
    for (std::int64_t x = 0; x < ow; ++x) {
      const std::int64_t left = x - window.pad_left;
      const std::int64_t from = std::max<std::int64_t>(left, 0);
      const std::int64_t to = std::min(left + window.kernel_w, s[2]);
      const bool whole = to - from == window.kernel_w;
      for (std::int64_t h = y - window.pad_top; h < y - window.pad_top + window.kernel_h;
           ++h, row += line) {
        const bool inside = h >= 0 && h < s[1];
        if (!inside || !whole) std::memset(row, 0, index(line));
        if (inside)
          std::memcpy(row + (from - left) * c, image + (h * s[2] + from) * c,
                      index((to - from) * c));
      }
    }
}

}  // namespace

NitiWeighted::NitiWeighted(const Shape& weight, std::int64_t fan_in, std::int64_t fan_out,
                           std::uint64_t key) {
  weight_.codes.resize(weight, Element::int8);
  weight_.exponent = xavier_exponent(fan_in + fan_out);
  for (std::int64_t i = 0; i < weight.elements(); ++i)
    weight_.codes.data<std::int8_t>()[i] =
        static_cast<std::int8_t>(static_cast<std::int32_t>(uniform_below(
                                     key, static_cast<std::uint32_t>(i), 2 * niti_most + 1)) -
                                 niti_most);
}

const NitiTensor& NitiWeighted::forward(const NitiTensor& input, const NitiPass&) {
  input_ = &input;
  product(input.codes, weight_.codes, sums_);
  sums_.encode(input.exponent + weight_.exponent, output_);
  return output_;
}

const NitiTensor* NitiWeighted::backward(const NitiTensor& error, const NitiPass& pass,
                                         bool wants_error) {
  if (wants_error) {
    input_error(error.codes, weight_.codes, input_->codes.shape(), sums_);
    sums_.encode(error.exponent + weight_.exponent, input_error_);
  }
  gradient_.assign(index(weight_.codes.elements()), 0);
  weight_gradient(input_->codes, error.codes, gradient_);
  update(pass.mu);
  return wants_error ? &input_error_ : nullptr;
}

void NitiWeighted::update(int mu) {
  const auto [least, most] = std::minmax_element(gradient_.begin(), gradient_.end());
  const int shift = bits_of(std::max(-*least, *most)) - mu;
  auto* const weights = weight_.codes.data<std::int8_t>();
  parallel_for(weight_.codes.elements(), grain, [&](std::int64_t begin, std::int64_t end) {
    step(gradient_.data() + begin, end - begin, shift, weights + begin);
  });
}

NitiConvolution::NitiConvolution(std::int64_t inputs, std::int64_t channels, std::int64_t kernel,
                                 std::int64_t padding, std::uint64_t key)
    : NitiWeighted({channels, kernel, kernel, inputs}, kernel * kernel * inputs,
                   kernel * kernel * channels, key),
      window_{kernel, kernel, 1, padding, padding, padding, padding} {}

void NitiConvolution::product(const Tensor& input, const Tensor& weight, NitiSums& sums) {
  products::convolution_sums(input, weight, window_,
                             sums.take(convolution_shape(input.shape(), weight.shape(), window_)));
}

void NitiConvolution::input_error(const Tensor& error, const Tensor& weight, const Shape& input,
                                  NitiSums& sums) {
  products::input_error_sums(error, weight, window_, input, sums.take(input));
}

void NitiConvolution::weight_gradient(const Tensor& input, const Tensor& error,
                                      std::vector<std::int64_t>& gradient) {
  const Shape &in = input.shape(), &out = error.shape();
  const std::int64_t positions = out[1] * out[2];
  const std::int64_t row = window_.kernel_h * window_.kernel_w * in[3];
  const std::int64_t at_once = std::clamp<std::int64_t>(
      unfolded_bytes / (positions * row), 1, std::max<std::int64_t>(1, exact_terms / positions));
  std::vector<std::int8_t> rows(index(std::min(at_once, in[0]) * positions * row));
  std::vector<std::int32_t> part;
  for (std::int64_t first = 0; first < in[0]; first += at_once) {
    const std::int64_t images = std::min(at_once, in[0] - first);
    parallel_for(images, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        unfold(input.data<std::int8_t>() + (first + i) * in[1] * in[2] * in[3], in, window_,
               rows.data() + i * positions * row);
    });
    add_product(out[3], row, images * positions,
                error.data<std::int8_t>() + first * positions * out[3], rows.data(), part,
                gradient);
  }
}

void NitiLinear::product(const Tensor& input, const Tensor& weight, NitiSums& sums) {
  const std::int64_t images = input.shape()[0];
  Tensor flat = input;
  flat.reshape({images, weight.shape()[1]});
  products::matmul_sums(flat, weight, true, sums.take({images, weight.shape()[0]}));
}

void NitiLinear::input_error(const Tensor& error, const Tensor& weight, const Shape& input,
                             NitiSums& sums) {
  // Rows as they leave the product are images of `input`'s shape, flat.
  products::matmul_sums(error, weight, false, sums.take(input));
}

void NitiLinear::weight_gradient(const Tensor& input, const Tensor& error,
                                 std::vector<std::int64_t>& gradient) {
  std::vector<std::int32_t> part;
  const std::int64_t images = input.shape()[0], inputs = input.elements() / images;
  add_product(error.shape()[1], inputs, images, error.data<std::int8_t>(),
              input.data<std::int8_t>(), part, gradient);
}

}  // namespace octet::papers

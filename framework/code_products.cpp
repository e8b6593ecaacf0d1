#include "framework/code_products.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "framework/check.h"
#include "framework/code_blocks.h"
#include "framework/code_outliers.h"
#include "framework/code_paths.h"
#include "framework/direct_convolution.h"
#include "framework/dnn.h"
#include "framework/parallel.h"
#include "framework/zero_point.h"

namespace octet::products {
namespace {

constexpr std::int64_t float_exact = std::int64_t{1} << 24;  // up to here every integer is a float
constexpr std::int64_t int32_most = (std::int64_t{1} << 31) - 1;
// Sums of a block: few enough for a core's cache; where the weights are larger than that, enough
// images that reading the weights anew for each block does not dominate.
constexpr std::int64_t least_block = 384 << 10, most_block = 1536 << 10;

std::int64_t largest_code(Element element) { return element == Element::uint8 ? 255 : 127; }

template <class T>
void to_floats(const T* codes, std::int64_t rows, std::int64_t columns, std::int64_t stride,
               float* out) {
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < columns; ++c) out[r * columns + c] = codes[r * stride + c];
}

// Terms begin .. begin + terms - 1 of an operand in float32.
dnn::Matrix load_floats(const CodeMatrix& x, std::int64_t extent, bool depth_first,
                        std::int64_t begin, std::int64_t terms, std::vector<float>& floats) {
  const std::int64_t rows = depth_first ? terms : extent, columns = depth_first ? extent : terms;
  const std::int64_t at = depth_first ? begin * x.stride : begin;
  floats.resize(static_cast<std::size_t>(rows * columns));
  if (x.element == Element::uint8) {
    to_floats(static_cast<const std::uint8_t*>(x.data) + at, rows, columns, x.stride,
              floats.data());
  } else {
    to_floats(static_cast<const std::int8_t*>(x.data) + at, rows, columns, x.stride, floats.data());
  }
  return {floats.data(), columns, x.transpose};
}

// The exact stand-in for oneDNN's integers: float products of so few terms that no sum passes 2^24.
void gemm_by_floats(std::int64_t m, std::int64_t n, std::int64_t depth, const CodeMatrix& a,
                    const CodeMatrix& b, bool accumulate, std::int32_t* c) {
  static thread_local std::vector<float> fa, fb, part;
  part.resize(static_cast<std::size_t>(m * n));
  if (!accumulate) std::fill(c, c + m * n, 0);
  const std::int64_t most_terms = float_exact / (largest_code(a.element) * 127);
  for (std::int64_t begin = 0; begin < depth; begin += most_terms) {
    const std::int64_t terms = std::min(most_terms, depth - begin);
    dnn::gemm(m, n, terms, load_floats(a, m, a.transpose, begin, terms, fa),
              load_floats(b, n, !b.transpose, begin, terms, fb), false, part.data());
    for (std::int64_t i = 0; i < m * n; ++i)
      c[i] += static_cast<std::int32_t>(part[static_cast<std::size_t>(i)]);
  }
}

// Writes the patches that a window sees at output positions first .. last - 1 of one image, a row
// of KH x KW x C/groups codes each; padding is zero.
void unfold(const std::int8_t* image, const Shape& s, const Window& window, std::int64_t group,
            std::int64_t first, std::int64_t last, std::int8_t* row) {
  const std::int64_t output_w = window.output_w(s[2]);
  const std::int64_t channels = s[3] / window.groups;
  const auto bytes = [](std::int64_t count) { return static_cast<std::size_t>(count); };
  for (std::int64_t position = first; position < last; ++position) {
    const std::int64_t top = position / output_w * window.stride - window.pad_top;
    const std::int64_t left = position % output_w * window.stride - window.pad_left;
    for (std::int64_t kh = 0; kh < window.kernel_h; ++kh)
      for (std::int64_t kw = 0; kw < window.kernel_w; ++kw, row += channels) {
        const std::int64_t h = top + kh, w = left + kw;
        if (h < 0 || h >= s[1] || w < 0 || w >= s[2]) {
          std::memset(row, 0, bytes(channels));
        } else {
          std::memcpy(row, image + (h * s[2] + w) * s[3] + group * channels, bytes(channels));
        }
      }
  }
}

// One image by unfolding and exact matrix products.
void image_sums(const std::int8_t* image, Element element, const Shape& input, const Tensor& weight,
                const Window& window, std::int32_t* sums) {
  static thread_local std::vector<std::int8_t> rows;
  static thread_local std::vector<std::int32_t> part_sums;
  const std::int64_t filters = weight.shape()[0], part = filters / window.groups;
  const std::int64_t row = weight.elements() / filters;
  const std::int64_t positions = window.output_h(input[1]) * window.output_w(input[2]);
  const std::int64_t block = std::clamp<std::int64_t>((1 << 18) / row, 16, positions);
  rows.resize(static_cast<std::size_t>(block * row));
  for (std::int64_t group = 0; group < window.groups; ++group)
    for (std::int64_t first = 0; first < positions; first += block) {
      const std::int64_t last = std::min(positions, first + block), count = last - first;
      unfold(image, input, window, group, first, last, rows.data());
      const CodeMatrix patches{rows.data(), element, row, false};
      const CodeMatrix kernels{weight.data<std::int8_t>() + group * part * row, Element::int8, row,
                               true};
      if (window.groups == 1) {
        gemm_exact(count, filters, row, patches, kernels, false, sums + first * filters);
        continue;
      }
      part_sums.resize(static_cast<std::size_t>(count * part));
      gemm_exact(count, part, row, patches, kernels, false, part_sums.data());
      for (std::int64_t i = 0; i < count; ++i)
        std::copy_n(part_sums.data() + i * part, part, sums + (first + i) * filters + group * part);
    }
}

OCTET_KERNEL void add_by_sign(const std::int8_t* codes, std::int64_t size, std::int32_t* positive,
                              std::int32_t* negative) {
  std::int32_t up = 0, down = 0;
  for (std::int64_t i = 0; i < size; ++i) {
    up += codes[i] > 0 ? codes[i] : 0;
    down -= codes[i] < 0 ? codes[i] : 0;
  }
  *positive = up;
  *negative = down;
}

// A bound on the sums that the weights of one output can make with any input codes.
std::int64_t largest_sum(const Tensor& weight, Element element) {
  const std::int64_t filters = weight.shape()[0], size = weight.elements() / filters;
  if (size * largest_code(element) * 127 <= float_exact) return 0;
  std::int64_t most = 0;
  for (std::int64_t k = 0; k < filters; ++k) {
    std::int32_t up = 0, down = 0;
    add_by_sign(weight.data<std::int8_t>() + k * size, size, &up, &down);
    // Codes of one sign add up on either side of zero, codes of both signs on one.
    most = std::max<std::int64_t>(most, element == Element::uint8 ? std::max(up, down) : up + down);
  }
  return most * largest_code(element);
}

Shape with_images(const Shape& s, std::int64_t images) { return {images, s[1], s[2], s[3]}; }

}  // namespace

void check_terms(Element element, std::int64_t terms) {
  const std::int64_t most = int32_most / (largest_code(element) * 127);
  check(terms <= most, Failure::usage, "a product of codes sums at most ", most, " terms, got ",
        terms);
}

std::int64_t block_images(std::int64_t images, std::int64_t sums_bytes, std::int64_t weight_bytes) {
  const std::int64_t bytes = std::clamp(weight_bytes, least_block, most_block);
  const std::int64_t share = (images + threads() - 1) / threads();
  const std::int64_t most = std::clamp<std::int64_t>(bytes / sums_bytes, 1, share);
  for (std::int64_t n = most; n > most / 2; --n)
    if (images % n == 0) return n;
  return most;
}

ProductScope::ProductScope(std::string_view pass, double operations)
    : scope_(profile::layer(), pass, "int8 product", operations), on_(profile::on) {}

ProductScope::~ProductScope() {
  // Threads work on blocks at the same time: their seconds are shared out.
  if (on_) scope_.hand_over("encode", static_cast<double>(nanoseconds_) * 1e-9 / threads());
}

void ProductScope::run(const SumsBody& body, std::int64_t first, std::int64_t count,
                       const std::int32_t* sums) {
  if (!on_) return body(first, count, sums);
  const auto begin = std::chrono::steady_clock::now();
  body(first, count, sums);
  nanoseconds_ += (std::chrono::steady_clock::now() - begin).count();
}

bool goes_direct(const Shape& input, const Window& window) {
  return paths().direct && direct_convolution::fits(window) &&
         direct_convolution::pays(input, window);
}

void sums_in_blocks(std::string_view pass, Codes codes, const Shape& input, const Tensor& weight,
                    const Window& window, const Source& source, const Addition& add,
                    const SumsBody& body) {
  const Element element = codes.element;
  check_terms(element, weight.elements() / weight.shape()[0]);
  const Shape output = convolution_shape(input, weight.shape(), window);
  const std::int64_t images = input[0], size = output.elements() / images;
  ProductScope scope(pass, 2.0 * static_cast<double>(output.elements()) *
                               static_cast<double>(weight.elements() / weight.shape()[0]));
  const std::int64_t count = block_images(images, size * 4, weight.elements());
  const std::int64_t blocks = (images + count - 1) / count;
  const Paths& path = paths();
  const bool wide = element == Element::uint8 ? path.wide_unsigned : path.wide_signed;
  const bool direct = goes_direct(input, window);
  const bool fast =
      !direct && path.convolution && (wide || largest_sum(weight, element) <= float_exact);
  static thread_local direct_convolution::Weights packed;
  if (direct) packed.pack(weight, element, codes.zero_point);
  const direct_convolution::Weights& weights = packed;
  static thread_local std::vector<std::int32_t> kept;
  if (!direct) zero_shifts(weight, codes.zero_point, kept);
  const std::vector<std::int32_t>& shifts = kept;
  const dnn::CodeConvolution *full = nullptr, *rest = nullptr;
  if (fast) {
    const auto prepare = [&](std::int64_t n) {
      auto& made = dnn::code_convolution(element, with_images(input, n), weight.shape(), window);
      made.load(weight);
      return &made;
    };
    full = prepare(count);
    rest = images % count == 0 ? full : prepare(images % count);
    if (images % count != 0) full = prepare(count);  // the cache may have been emptied between
  }
  parallel_for(blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    static thread_local Tensor sums;
    sums.resize({count * size}, Element::int32);
    for (std::int64_t block = begin; block < end; ++block) {
      const std::int64_t first = block * count, n = std::min(count, images - first);
      const std::int8_t* from = source(first, n);
      auto* const out = sums.data<std::int32_t>();
      if (direct) {
        direct_convolution::run(weights, from, with_images(input, n), window, out);
      } else if (fast) {
        (n == count ? full : rest)->run(from, out);
      } else {
        const std::int64_t image = input.elements() / images;
        for (std::int64_t i = 0; i < n; ++i)
          image_sums(from + i * image, element, input, weight, window, out + i * size);
      }
      if (!direct && codes.zero_point != 0) take_off(shifts, n * size, out);
      if (add) add(first, n, out);
      scope.run(body, first, n, out);
    }
  });
}

void gemm_exact(std::int64_t m, std::int64_t n, std::int64_t depth, const CodeMatrix& a,
                const CodeMatrix& b, bool accumulate, std::int32_t* c) {
  if (paths().gemm) {
    dnn::gemm_codes(m, n, depth, a.element, {a.data, a.stride, a.transpose},
                    {b.data, b.stride, b.transpose}, accumulate, c);
  } else {
    gemm_by_floats(m, n, depth, a, b, accumulate, c);
  }
}

void convolution_sums(const Tensor& input, const Tensor& weight, const Window& window,
                      const SumsBody& body) {
  const CodeOutliers outliers(weight, window);
  Addition add;
  if (!weight.outliers.empty())
    add = [&](std::int64_t first, std::int64_t count, std::int32_t* sums) {
      outliers.add_to_outputs(input, first, count, sums);
    };
  const Shape& images = input.shape();
  const Codes codes{input.element(), input.zero_point};
  const auto* const from = static_cast<const std::uint8_t*>(input.raw());
  const std::int64_t image = input.elements() / images[0];
  const Shape outer = padded_shape(images, window);
  if (codes.zero_point == 0 || goes_direct(images, window) || outer == images) {
    return sums_in_blocks(
        "forward", codes, images, weight, window,
        [&](std::int64_t first, std::int64_t) {
          return reinterpret_cast<const std::int8_t*>(from + first * image);
        },
        add, body);
  }
  const auto zero = static_cast<std::uint8_t>(codes.zero_point);
  const auto pad = [&](std::int64_t first, std::int64_t count) -> const std::int8_t* {
    static thread_local Tensor padded;
    padded.resize(with_images(outer, count), Element::uint8);
    pad_codes(from + first * image, with_images(images, count), window, zero,
              padded.data<std::uint8_t>());
    return static_cast<const std::int8_t*>(padded.raw());
  };
  sums_in_blocks("forward", codes, outer, weight, without_padding(window), std::cref(pad), add,
                 body);
}

void matmul_sums(const Tensor& a, const Tensor& b, bool transpose_b, const SumsBody& body) {
  const std::int64_t m = a.shape()[0], depth = a.shape()[1];
  const std::int64_t n = b.shape()[transpose_b ? 0 : 1];
  // As a convolution of one pixel.
  const CodeOutliers outliers(b, {});
  assert(depth == b.shape()[transpose_b ? 1 : 0]);
  assert(a.zero_point == 0 || transpose_b);
  check_terms(a.element(), depth);
  ProductScope scope(transpose_b ? "forward" : "input error",
                     2.0 * static_cast<double>(m * n) * static_cast<double>(depth));
  static thread_local Tensor sums;
  sums.resize({m, n}, Element::int32);
  auto* const c = sums.data<std::int32_t>();
  gemm_exact(m, n, depth, {a.raw(), a.element(), a.shape()[1], false},
             {b.raw(), Element::int8, b.shape()[1], transpose_b}, false, c);
  static thread_local std::vector<std::int32_t> kept;
  if (transpose_b) zero_shifts(b, a.zero_point, kept);
  const std::vector<std::int32_t>& shifts = kept;
  parallel_for(m, std::max<std::int64_t>(1, (1 << 14) / n),
               [&](std::int64_t begin, std::int64_t end) {
                 if (a.zero_point != 0) take_off(shifts, (end - begin) * n, c + begin * n);
                 if (transpose_b)
                   outliers.add_to_outputs(a, begin, end - begin, c + begin * n);
                 else
                   outliers.add_to_input_errors(a, {m, n}, begin, end - begin, c + begin * n);
                 scope.run(body, begin, end - begin, c + begin * n);
               });
}

}  // namespace octet::products

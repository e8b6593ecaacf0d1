#include "framework/products.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "framework/check.h"
#include "framework/dnn.h"
#include "framework/parallel.h"
#include "framework/profile.h"
#include "framework/random.h"
#include "framework/reference.h"

namespace octet::products {
namespace {

// Codes are -127 .. 127: sums of so many products of two are exact in float32 and in int32.
constexpr std::int64_t most_product = 127 * 127;
constexpr std::int64_t float_terms = (std::int64_t{1} << 24) / most_product;
constexpr std::int64_t int32_terms = ((std::int64_t{1} << 31) - 1) / most_product;
// Up to this magnitude every integer is a float32; oneDNN's int8 convolutions pass through one.
constexpr std::int64_t float_exact = 1 << 24;
// Unfolded positions worked on at a time: about as many bytes as a cache holds, but enough
// positions that the sums, which are read and written once a block, do not dominate.
constexpr std::int64_t unfold_bytes = 1 << 20, least_positions = 2048;

void to_floats(const std::int8_t* codes, std::int64_t rows, std::int64_t columns,
               std::int64_t stride, std::vector<float>& out) {
  out.resize(static_cast<std::size_t>(rows * columns));
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < columns; ++c)
      out[static_cast<std::size_t>(r * columns + c)] = codes[r * stride + c];
}

// The exact stand-in for gemm_codes: float products of at most float_terms terms, summed in int32.
void gemm_by_floats(std::int64_t m, std::int64_t n, std::int64_t depth, const dnn::Matrix& a,
                    const dnn::Matrix& b, bool accumulate, std::int32_t* c) {
  std::vector<float> fa, fb, part(static_cast<std::size_t>(m * n));
  if (!accumulate) std::fill(c, c + m * n, 0);
  for (std::int64_t begin = 0; begin < depth; begin += float_terms) {
    const std::int64_t terms = std::min(float_terms, depth - begin);
    const auto load = [&](const dnn::Matrix& x, std::int64_t extent, bool depth_first,
                          std::vector<float>& floats) {
      const auto* codes = static_cast<const std::int8_t*>(x.data);
      if (depth_first) {
        to_floats(codes + begin * x.stride, terms, extent, x.stride, floats);
      } else {
        to_floats(codes + begin, extent, terms, x.stride, floats);
      }
      return dnn::Matrix{floats.data(), depth_first ? extent : terms, x.transpose};
    };
    dnn::gemm(m, n, terms, load(a, m, a.transpose, fa), load(b, n, !b.transpose, fb), false,
              part.data());
    for (std::int64_t i = 0; i < m * n; ++i)
      c[i] += static_cast<std::int32_t>(part[static_cast<std::size_t>(i)]);
  }
}

void gemm_exact(std::int64_t m, std::int64_t n, std::int64_t depth, const dnn::Matrix& a,
                const dnn::Matrix& b, bool accumulate, std::int32_t* c) {
  if (paths().gemm) {
    dnn::gemm_codes(m, n, depth, a, b, accumulate, c);
  } else {
    gemm_by_floats(m, n, depth, a, b, accumulate, c);
  }
}

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

// `size` is at most int32_terms.
OCTET_KERNEL std::int32_t sum_of_magnitudes(const std::int8_t* codes, std::int64_t size) {
  std::int32_t sum = 0;
  for (std::int64_t i = 0; i < size; ++i) sum += codes[i] < 0 ? -codes[i] : codes[i];
  return sum;
}

void check_terms(std::int64_t terms) {
  check(terms <= int32_terms, Failure::usage, "a product of codes sums at most ", int32_terms,
        " terms, got ", terms);
}

// A bound on the sums that the weights of one output can make with any codes.
std::int64_t largest_sum(const Tensor& weight) {
  const std::int64_t filters = weight.shape()[0], size = weight.elements() / filters;
  const auto* codes = weight.data<std::int8_t>();
  if (size <= float_terms) return size * most_product;
  std::int64_t most = 0;
  for (std::int64_t k = 0; k < filters; ++k)
    most = std::max<std::int64_t>(most, sum_of_magnitudes(codes + k * size, size));
  return most * 127;
}

void convolution_of_codes(const Tensor& input, const Tensor& weight, const Window& window,
                          Tensor& output) {
  check_terms(weight.elements() / weight.shape()[0]);
  if (paths().convolution && largest_sum(weight) <= float_exact)
    return dnn::convolution(input, weight, nullptr, window, output);
  output.resize(convolution_shape(input.shape(), weight.shape(), window), Element::int32);
  const std::int64_t filters = weight.shape()[0], part = filters / window.groups;
  const std::int64_t row = weight.elements() / filters;
  std::vector<std::int32_t> block;
  each_unfolded_block(
      input, window,
      [&](std::int64_t group, std::int64_t first, std::int64_t last, const std::int8_t* rows) {
        const dnn::Matrix patches{rows, row, false};
        const dnn::Matrix kernels{weight.data<std::int8_t>() + group * part * row, row, true};
        std::int32_t* const out = output.data<std::int32_t>() + first * filters;
        if (window.groups == 1)
          return gemm_exact(last - first, filters, row, patches, kernels, false, out);
        block.resize(static_cast<std::size_t>((last - first) * part));
        gemm_exact(last - first, part, row, patches, kernels, false, block.data());
        for (std::int64_t i = 0; i < last - first; ++i)
          std::copy_n(block.data() + i * part, part, out + i * filters + group * part);
      });
}

// K x KH x KW x C/groups -> C x KH x KW x K/groups, rotated by half a turn: the weights of the
// convolution that carries errors back.
void rotate(const Tensor& weight, std::int64_t groups, Tensor& rotated) {
  const Shape& s = weight.shape();
  const std::int64_t outputs = s[0] / groups, inputs = s[3];
  rotated.resize({groups * inputs, s[1], s[2], outputs}, Element::int8);
  const auto* from = weight.data<std::int8_t>();
  auto* to = rotated.data<std::int8_t>();
  for (std::int64_t g = 0; g < groups; ++g)
    parallel_for(inputs, 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t c = begin; c < end; ++c)
        for (std::int64_t h = 0; h < s[1]; ++h)
          for (std::int64_t w = 0; w < s[2]; ++w)
            for (std::int64_t k = 0; k < outputs; ++k)
              to[(((g * inputs + c) * s[1] + h) * s[2] + w) * outputs + k] =
                  from[(((g * outputs + k) * s[1] + s[1] - 1 - h) * s[2] + s[2] - 1 - w) * inputs +
                       c];
    });
}

// Puts stride - 1 zeros between neighbouring rows and columns.
void spread(const Tensor& error, std::int64_t stride, Tensor& spread_error) {
  const Shape& s = error.shape();
  const std::int64_t h = (s[1] - 1) * stride + 1, w = (s[2] - 1) * stride + 1;
  spread_error.resize({s[0], h, w, s[3]}, Element::int8);
  spread_error.fill_zero();
  const auto* from = error.data<std::int8_t>();
  auto* to = spread_error.data<std::int8_t>();
  parallel_for(s[0] * s[1], 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t line = begin; line < end; ++line)
      for (std::int64_t x = 0; x < s[2]; ++x)
        std::memcpy(to + ((line / s[1] * h + line % s[1] * stride) * w + x * stride) * s[3],
                    from + (line * s[2] + x) * s[3], static_cast<std::size_t>(s[3]));
  });
}

void input_error_of_codes(const Tensor& error, const Tensor& weight, const Window& window,
                          const Shape& input, Tensor& input_error) {
  static thread_local Tensor rotated, wide;
  rotate(weight, window.groups, rotated);
  const Tensor* source = &error;
  if (window.stride > 1) {
    spread(error, window.stride, wide);
    source = &wide;
  }
  // What the window did not reach at the far edge gets no error: padding makes up for it.
  Window back{.kernel_h = window.kernel_h,
              .kernel_w = window.kernel_w,
              .pad_top = window.kernel_h - 1 - window.pad_top,
              .pad_left = window.kernel_w - 1 - window.pad_left,
              .groups = window.groups};
  back.pad_bottom = input[1] - (source->shape()[1] + back.pad_top - window.kernel_h + 1);
  back.pad_right = input[2] - (source->shape()[2] + back.pad_left - window.kernel_w + 1);
  convolution_of_codes(*source, rotated, back, input_error);
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
        const dnn::Matrix errors{error.data<std::int8_t>() + first * filters + group * part,
                                 filters, true};
        const dnn::Matrix patches{rows, row, false};
        if (fits)
          return gemm_exact(part, row, last - first, errors, patches, first > 0,
                            gradient.data<std::int32_t>() + group * part * row);
        gemm_exact(part, row, last - first, errors, patches, false, block.data<std::int32_t>());
        for (std::int64_t i = 0; i < part * row; ++i)
          sums[static_cast<std::size_t>(group * part * row + i)] += block.data<std::int32_t>()[i];
      });
  if (!fits) std::copy(sums.begin(), sums.end(), gradient.floats());
}

void fill_codes(Tensor& tensor, std::uint64_t key, bool extreme) {
  auto* codes = tensor.data<std::int8_t>();
  for (std::int64_t i = 0; i < tensor.elements(); ++i) {
    const std::uint32_t bits = random_bits(key, static_cast<std::uint32_t>(i));
    const int code = extreme ? ((bits & 7) == 0 ? -127 : 127) : static_cast<int>(bits % 255) - 127;
    codes[i] = static_cast<std::int8_t>(code);
  }
}

bool same(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

// One shape for each kind of kernel that oneDNN chooses between.
bool test_convolutions() {
  struct Case {
    Shape input, weight;
    Window window;
  };
  const auto window = [](std::int64_t k, std::int64_t stride, std::int64_t pad,
                         std::int64_t groups) {
    return Window{k, k, stride, pad, pad, pad, pad, groups};
  };
  const Case cases[] = {
      {{2, 12, 12, 1}, {20, 5, 5, 1}, window(5, 1, 0, 1)},
      {{2, 9, 7, 3}, {32, 3, 3, 3}, window(3, 1, 1, 1)},
      {{2, 8, 8, 64}, {48, 3, 3, 64}, window(3, 1, 1, 1)},
      {{2, 7, 9, 20}, {50, 5, 5, 20}, window(5, 1, 2, 1)},
      {{2, 9, 9, 16}, {32, 3, 3, 16}, window(3, 2, 1, 1)},
      {{2, 8, 8, 32}, {64, 1, 1, 32}, window(1, 1, 0, 1)},
      {{2, 8, 8, 32}, {64, 1, 1, 32}, window(1, 2, 0, 1)},
      {{2, 8, 8, 32}, {32, 3, 3, 1}, window(3, 1, 1, 32)},
      {{2, 8, 8, 12}, {18, 3, 3, 4}, window(3, 1, 1, 3)},
  };
  std::uint64_t key = 1;
  for (const Case& c : cases)
    for (const bool extreme : {false, true}) {
      Tensor input(c.input, Element::int8), weight(c.weight, Element::int8), fast, truth;
      fill_codes(input, ++key, extreme);
      fill_codes(weight, ++key, extreme);
      if (largest_sum(weight) > float_exact) continue;
      dnn::convolution(input, weight, nullptr, c.window, fast);
      reference::convolution(input, weight, c.window, truth);
      if (!same(fast, truth)) return false;
    }
  return true;
}

bool test_gemms() {
  std::uint64_t key = 100;
  for (const bool ta : {false, true})
    for (const bool tb : {false, true})
      for (const bool extreme : {false, true})
        for (const std::int64_t depth : {3, 64, 1301}) {
          const std::int64_t m = 19, n = 37;
          Tensor a(ta ? Shape{depth, m} : Shape{m, depth}, Element::int8),
              b(tb ? Shape{n, depth} : Shape{depth, n}, Element::int8),
              fast({m, n}, Element::int32), truth;
          fill_codes(a, ++key, extreme);
          fill_codes(b, ++key, extreme);
          reference::matmul(a, ta, b, tb, truth);
          for (const bool accumulate : {false, true})  // the second adds the same again
            dnn::gemm_codes(m, n, depth, {a.raw(), a.shape()[1], ta}, {b.raw(), b.shape()[1], tb},
                            accumulate, fast.data<std::int32_t>());
          for (std::int64_t i = 0; i < m * n; ++i) truth.data<std::int32_t>()[i] *= 2;
          if (!same(fast, truth)) return false;
        }
  return true;
}

Paths& chosen() {
  static Paths tested{.convolution = test_convolutions(), .gemm = test_gemms()};
  return tested;
}

bool of_codes(const Tensor& a, const Tensor& b) {
  assert(a.element() == b.element());
  return b.element() == Element::int8 && a.element() == Element::int8;
}

std::string_view part_of(const Tensor& operand) {
  return operand.element() == Element::int8 ? "int8 product" : "float32 product";
}

// Of a convolution between `images` (N x H x W x K, at the side of the outputs) and `weight`.
double operations_of(const Shape& images, const Shape& weight) {
  return 2.0 * static_cast<double>(images.elements()) *
         static_cast<double>(weight.elements() / weight[0]);
}

// Matrix products do not know what they are for; in a layer's backward pass only the gradient,
// errors^T inputs, transposes its left operand.
std::string_view pass_of_matmul(bool transpose_a) {
  if (profile::pass() != "backward") return profile::pass();
  return transpose_a ? "weight gradient" : "input error";
}

}  // namespace

const Paths& paths() { return chosen(); }

Paths override_paths(const Paths& paths) { return std::exchange(chosen(), paths); }

std::string describe_paths() {
  const auto line = [](bool exact) {
    return exact ? "int8 kernels (self-test passed)"
                 : "exact float32 products of codes (the int8 kernels failed the self-test)";
  };
  const Paths& p = paths();
  if (p.convolution == p.gemm) return join(dnn::description(), ": ", line(p.gemm));
  return join(dnn::description(), ": convolutions by ", line(p.convolution),
              ", matrix products by ", line(p.gemm));
}

void convolution(const Tensor& input, const Tensor& weight, const Tensor* bias,
                 const Window& window, Tensor& output) {
  profile::Scope scope(
      profile::layer(), "forward", part_of(input),
      operations_of(convolution_shape(input.shape(), weight.shape(), window), weight.shape()));
  if (!of_codes(input, weight)) return dnn::convolution(input, weight, bias, window, output);
  assert(!bias);
  convolution_of_codes(input, weight, window, output);
}

void convolution_input_error(const Tensor& error, const Tensor& weight, const Window& window,
                             const Shape& input, Tensor& input_error) {
  profile::Scope scope(profile::layer(), "input error", part_of(error),
                       operations_of(error.shape(), weight.shape()));
  if (of_codes(error, weight))
    return input_error_of_codes(error, weight, window, input, input_error);
  dnn::convolution_input_error(error, weight, window, input, input_error);
}

void convolution_weight_gradient(const Tensor& input, const Tensor& error, const Window& window,
                                 const Shape& weight, Tensor& gradient) {
  profile::Scope scope(profile::layer(), "weight gradient", part_of(error),
                       operations_of(error.shape(), weight));
  if (of_codes(input, error))
    return weight_gradient_of_codes(input, error, window, weight, gradient);
  dnn::convolution_weight_gradient(input, error, window, weight, gradient);
}

void matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, Tensor& c) {
  const std::int64_t m = a.shape()[transpose_a ? 1 : 0], depth = a.shape()[transpose_a ? 0 : 1];
  const std::int64_t n = b.shape()[transpose_b ? 0 : 1];
  assert(depth == b.shape()[transpose_b ? 1 : 0]);
  profile::Scope scope(profile::layer(), pass_of_matmul(transpose_a), part_of(a),
                       2.0 * static_cast<double>(m * n) * static_cast<double>(depth));
  const dnn::Matrix ma{a.raw(), a.shape()[1], transpose_a}, mb{b.raw(), b.shape()[1], transpose_b};
  if (of_codes(a, b)) {
    check_terms(depth);
    c.resize({m, n}, Element::int32);
    gemm_exact(m, n, depth, ma, mb, false, c.data<std::int32_t>());
  } else {
    c.resize({m, n});
    dnn::gemm(m, n, depth, ma, mb, false, c.floats());
  }
}

}  // namespace octet::products

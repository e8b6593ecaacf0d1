#include "framework/code_paths.h"

#include <cstring>
#include <utility>
#include <vector>

#include "framework/check.h"
#include "framework/direct_convolution.h"
#include "framework/dnn.h"
#include "framework/random.h"
#include "framework/reference.h"

namespace octet::products {
namespace {

constexpr std::int64_t float_exact = 1 << 24;

void fill_codes(Tensor& tensor, std::uint64_t key, bool extreme) {
  const bool is_signed = tensor.element() == Element::int8;
  auto* codes = static_cast<std::uint8_t*>(tensor.raw());
  for (std::int64_t i = 0; i < tensor.elements(); ++i) {
    const std::uint32_t bits = random_bits(key, static_cast<std::uint32_t>(i));
    int code = static_cast<int>(bits % 255) - 127;
    if (extreme) code = (bits & 7) == 0 ? -127 : 127;
    if (!is_signed) code = extreme ? ((bits & 7) == 0 ? 0 : 255) : static_cast<int>(bits % 256);
    codes[i] = static_cast<std::uint8_t>(code);
  }
}

struct Case {
  Shape input, weight;
  Window window;
};

Window square(std::int64_t k, std::int64_t stride, std::int64_t pad, std::int64_t groups) {
  return {k, k, stride, pad, pad, pad, pad, groups};
}

enum class By { onednn, direct };

bool same_sums(By kernel, const Case& c, Element element, bool extreme, std::uint64_t key) {
  Tensor input(c.input, element), weight(c.weight, Element::int8), truth;
  fill_codes(input, key, extreme);
  fill_codes(weight, key + 1, extreme);
  Tensor fast(convolution_shape(c.input, c.weight, c.window), Element::int32);
  if (kernel == By::onednn) {
    dnn::CodeConvolution convolution(element, c.input, c.weight, c.window);
    convolution.load(weight);
    convolution.run(input.raw(), fast.data<std::int32_t>());
  } else {
    direct_convolution::Weights packed;
    packed.pack(weight, element);
    direct_convolution::run(packed, input.raw(), c.input, c.window, fast.data<std::int32_t>());
  }
  reference::convolution(input, weight, c.window, truth);
  return std::memcmp(fast.raw(), truth.raw(), truth.bytes()) == 0;
}

// One shape for each kind of kernel that oneDNN chooses between.
bool test_convolutions() {
  const Case cases[] = {
      {{2, 12, 12, 1}, {20, 5, 5, 1}, square(5, 1, 0, 1)},
      {{2, 9, 7, 3}, {32, 3, 3, 3}, square(3, 1, 1, 1)},
      {{2, 8, 8, 16}, {16, 3, 3, 16}, square(3, 1, 1, 1)},
      {{2, 8, 8, 64}, {48, 3, 3, 64}, square(3, 1, 1, 1)},
      {{2, 7, 9, 20}, {50, 5, 5, 20}, square(5, 1, 2, 1)},
      {{2, 9, 9, 16}, {32, 3, 3, 16}, square(3, 2, 1, 1)},
      {{2, 8, 8, 32}, {64, 1, 1, 32}, square(1, 1, 0, 1)},
      {{2, 8, 8, 32}, {64, 1, 1, 32}, square(1, 2, 0, 1)},
      {{2, 8, 8, 32}, {32, 3, 3, 1}, square(3, 1, 1, 32)},
      {{2, 9, 9, 32}, {32, 3, 3, 1}, square(3, 2, 1, 32)},
      {{2, 8, 8, 12}, {18, 3, 3, 4}, square(3, 1, 1, 3)},
      // Errors on their way back through strides: more padding than kernel at the far edges.
      {{2, 7, 7, 32}, {16, 1, 1, 32}, Window{.pad_bottom = 1, .pad_right = 1}},
      {{2, 7, 7, 32}, {16, 3, 3, 32}, Window{3, 3, 1, 1, 3, 1, 3, 1}},
  };
  std::uint64_t key = 1;
  for (const Case& c : cases)
    for (const Element element : {Element::int8, Element::uint8})
      for (const bool extreme : {false, true}) {
        key += 2;
        const std::int64_t terms = c.weight.elements() / c.weight[0];
        const std::int64_t most = element == Element::uint8 ? 255 * 127 : 127 * 127;
        if (terms * most <= float_exact && !same_sums(By::onednn, c, element, extreme, key))
          return false;
      }
  return true;
}

// Sums up to three quarters of 4608 x 255 x 127, on the kernels that shapes with so many terms get.
bool test_wide(Element element) {
  const Case cases[] = {
      {{2, 4, 4, 512}, {64, 3, 3, 512}, square(3, 1, 1, 1)},
      {{1, 8, 8, 256}, {64, 3, 3, 256}, square(3, 1, 1, 1)},
      {{2, 4, 4, 512}, {64, 3, 3, 512}, square(3, 2, 1, 1)},
      {{2, 4, 4, 2048}, {64, 1, 1, 2048}, square(1, 1, 0, 1)},
      {{2, 8, 8, 50}, {64, 5, 5, 50}, square(5, 1, 0, 1)},
      {{2, 3, 3, 2048}, {64, 1, 1, 2048}, Window{.pad_bottom = 1, .pad_right = 1}},
  };
  std::uint64_t key = 1000;
  for (const Case& c : cases)
    if (!same_sums(By::onednn, c, element, true, key += 2)) return false;
  return true;
}

// Each size of our own kernel, on one block of filters and several; strides; sums beyond 2^24.
bool test_direct() {
  std::vector<Case> cases = {
      {{2, 12, 12, 1}, {20, 5, 5, 1}, square(5, 1, 0, 1)},
      {{2, 9, 9, 16}, {32, 3, 3, 16}, square(3, 2, 1, 1)},
      {{2, 8, 8, 32}, {64, 1, 1, 32}, square(1, 1, 0, 1)},
      {{1, 4, 4, 512}, {64, 3, 3, 512}, square(3, 1, 1, 1)},
      {{1, 7, 7, 32}, {16, 3, 3, 32}, Window{3, 3, 1, 1, 3, 1, 3, 1}},
  };
  for (const std::int64_t filters : {16, 32, 48, 64, 130})
    for (std::int64_t width = 1; width <= 16; ++width)
      cases.push_back({{1, 2, width, 3}, {filters, 3, 3, 3}, square(3, 1, 1, 1)});
  std::uint64_t key = 2000;
  for (const Case& c : cases)
    for (const Element element : {Element::int8, Element::uint8})
      if (!same_sums(By::direct, c, element, true, key += 2)) return false;
  return true;
}

bool test_gemms() {
  std::uint64_t key = 100;
  for (const Element element : {Element::int8, Element::uint8})
    for (const bool ta : {false, true})
      for (const bool tb : {false, true})
        for (const bool extreme : {false, true})
          for (const std::int64_t depth : {3, 64, 1301}) {
            const std::int64_t m = 19, n = 37;
            Tensor a(ta ? Shape{depth, m} : Shape{m, depth}, element),
                b(tb ? Shape{n, depth} : Shape{depth, n}, Element::int8),
                fast({m, n}, Element::int32), truth;
            fill_codes(a, ++key, extreme);
            fill_codes(b, ++key, extreme);
            reference::matmul(a, ta, b, tb, truth);
            for (const bool accumulate : {false, true})  // the second adds the same again
              dnn::gemm_codes(m, n, depth, element, {a.raw(), a.shape()[1], ta},
                              {b.raw(), b.shape()[1], tb}, accumulate, fast.data<std::int32_t>());
            for (std::int64_t i = 0; i < m * n; ++i) truth.data<std::int32_t>()[i] *= 2;
            if (std::memcmp(fast.raw(), truth.raw(), truth.bytes()) != 0) return false;
          }
  return true;
}

Paths& chosen() {
  static Paths tested = [] {
    Paths found{.convolution = test_convolutions(), .gemm = test_gemms()};
    found.wide_unsigned = found.convolution && test_wide(Element::uint8);
    found.wide_signed = found.convolution && test_wide(Element::int8);
    found.direct = direct_convolution::available() && test_direct();
    return found;
  }();
  return tested;
}

}  // namespace

const Paths& paths() { return chosen(); }

Paths override_paths(const Paths& paths) { return std::exchange(chosen(), paths); }

std::string describe_paths() {
  const auto line = [](bool exact) {
    return exact ? "int8 kernels (self-test passed)"
                 : "exact float32 products of codes (its int8 kernels are not exact on this "
                   "processor)";
  };
  const Paths& p = paths();
  const std::string own = p.direct ? "; convolutions where it is faster by Octet's own kernel" : "";
  if (p.convolution == p.gemm) return join(dnn::description(), ": ", line(p.gemm), own);
  return join(dnn::description(), ": convolutions by ", line(p.convolution),
              ", matrix products by ", line(p.gemm), own);
}

}  // namespace octet::products

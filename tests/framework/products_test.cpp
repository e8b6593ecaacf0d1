#include "framework/products.h"

#include <cmath>

#include "framework/code_paths.h"
#include "framework/parallel.h"
#include "framework/reference.h"
#include "quant/numbers/quantizer.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

namespace {

struct Case {
  Shape input;
  std::int64_t filters, kernel, stride, padding, groups;
  Window window() const {
    return {kernel, kernel, stride, padding, padding, padding, padding, groups};
  }
  Shape weight() const { return {filters, kernel, kernel, input[3] / groups}; }
};

const Case cases[] = {
    {{2, 12, 12, 1}, 20, 5, 1, 0, 1}, {{3, 7, 9, 3}, 16, 3, 1, 1, 1},
    {{2, 8, 8, 20}, 50, 5, 1, 2, 1},  {{2, 9, 9, 16}, 8, 3, 2, 1, 1},
    {{2, 8, 8, 16}, 8, 3, 2, 1, 1},   {{1, 8, 8, 8}, 12, 1, 2, 0, 1},
    {{2, 6, 6, 12}, 18, 3, 1, 1, 3},  {{2, 7, 7, 8}, 8, 3, 2, 1, 8},
    {{1, 5, 5, 33}, 7, 2, 3, 1, 1},   {{4, 1, 1, 10}, 5, 1, 1, 0, 1},
    {{1, 10, 11, 5}, 6, 4, 3, 2, 1},  {{6, 30, 30, 2}, 4, 3, 1, 1, 1},  // several blocks
};

// Every way that products of codes can be computed on this machine.
template <class Body>
void for_every_path(const Body& body) {
  const products::Paths found = products::paths();
  for (const products::Paths& path :
       {found, products::Paths{.gemm = found.gemm}, products::Paths{.direct = found.direct}, {}}) {
    products::override_paths(path);
    body();
  }
  products::override_paths(found);
}

}  // namespace

TEST_CASE("products: codes give the plain loops' int32 sums on every path, bit for bit") {
  for_every_path([] {
    std::uint64_t key = 1;
    for (const Case& c : cases) {
      CAPTURE(print(c.input));
      CAPTURE(c.kernel);
      const Tensor x = random_codes(c.input, ++key), w = random_codes(c.weight(), ++key);
      Tensor y, truth;
      products::convolution(x, w, nullptr, c.window(), y);
      reference::convolution(x, w, c.window(), truth);
      CHECK(same_bits(y, truth));
      const Tensor e = random_codes(y.shape(), ++key);
      Tensor back, gradient;
      products::convolution_input_error(e, w, c.window(), c.input, back);
      reference::convolution_input_error(e, w, c.window(), c.input, truth);
      CHECK(same_bits(back, truth));
      products::convolution_weight_gradient(x, e, c.window(), c.weight(), gradient);
      reference::convolution_weight_gradient(x, e, c.window(), c.weight(), truth);
      Tensor rounded(truth.shape());
      std::copy_n(truth.data<std::int32_t>(), truth.elements(), rounded.floats());
      CHECK(same_bits(gradient, rounded));
    }
  });
}

TEST_CASE("products: sums beyond 2^24 stay exact") {
  for_every_path([] {
    Tensor x({1, 4, 4, 300}, Element::int8), w({8, 3, 3, 300}, Element::int8), y, truth;
    std::fill_n(x.data<std::int8_t>(), x.elements(), std::int8_t{127});
    std::fill_n(w.data<std::int8_t>(), w.elements(), std::int8_t{-127});
    w.data<std::int8_t>()[5] = -126;
    const Window window{3, 3, 1, 1, 1, 1, 1, 1};
    products::convolution(x, w, nullptr, window, y);
    reference::convolution(x, w, window, truth);
    CHECK(*std::min_element(truth.data<std::int32_t>(),
                            truth.data<std::int32_t>() + truth.elements()) < -(1 << 24));
    CHECK(same_bits(y, truth));
  });
}

TEST_CASE("products: matrix products of codes, transposed or not") {
  for_every_path([] {
    std::uint64_t key = 50;
    for (const bool ta : {false, true})
      for (const bool tb : {false, true}) {
        const std::int64_t m = 13, n = 21, depth = 2500;
        const Tensor a = random_codes(ta ? Shape{depth, m} : Shape{m, depth}, ++key);
        const Tensor b = random_codes(tb ? Shape{n, depth} : Shape{depth, n}, ++key);
        Tensor c, truth;
        products::matmul(a, ta, b, tb, c);
        reference::matmul(a, ta, b, tb, truth);
        CHECK(same_bits(c, truth));
      }
  });
}

TEST_CASE("products: a weight gradient that could pass 2^31 is summed exactly all the same") {
  Tensor x({140, 32, 32, 1}, Element::int8), e({140, 32, 32, 2}, Element::int8), gradient;
  std::fill_n(x.data<std::int8_t>(), x.elements(), std::int8_t{127});
  std::fill_n(e.data<std::int8_t>(), e.elements(), std::int8_t{127});
  products::convolution_weight_gradient(x, e, {}, {2, 1, 1, 1}, gradient);
  REQUIRE(gradient.element() == Element::float32);
  CHECK(gradient.floats()[0] == static_cast<float>(140.0 * 1024 * 127 * 127));
}

TEST_CASE("products: float32 agrees with the plain loops") {
  std::uint64_t key = 100;
  for (const Case& c : cases) {
    CAPTURE(print(c.input));
    const Tensor x = random_tensor(c.input, ++key), w = random_tensor(c.weight(), ++key);
    Tensor y, truth;
    products::convolution(x, w, nullptr, c.window(), y);
    reference::convolution(x, w, c.window(), truth);
    CHECK(relative_difference(y, truth) < 1e-5);
    const Tensor e = random_tensor(y.shape(), ++key);
    products::convolution_input_error(e, w, c.window(), c.input, y);
    reference::convolution_input_error(e, w, c.window(), c.input, truth);
    CHECK(relative_difference(y, truth) < 1e-5);
    products::convolution_weight_gradient(x, e, c.window(), c.weight(), y);
    reference::convolution_weight_gradient(x, e, c.window(), c.weight(), truth);
    CHECK(relative_difference(y, truth) < 1e-5);
  }
}

TEST_CASE("products: any number of threads gives the same sums of codes") {
  const int before = threads();
  const Tensor x = random_codes({4, 9, 9, 24}, 1), w = random_codes({32, 3, 3, 24}, 2),
               e = random_codes({4, 9, 9, 32}, 3);
  const Window window{3, 3, 1, 1, 1, 1, 1, 1};
  Tensor one[3], other[3];
  const auto run = [&](Tensor* out) {
    products::convolution(x, w, nullptr, window, out[0]);
    products::convolution_input_error(e, w, window, x.shape(), out[1]);
    products::convolution_weight_gradient(x, e, window, w.shape(), out[2]);
  };
  set_threads(1);
  run(one);
  for (const int count : {2, 3}) {
    set_threads(count);
    run(other);
    for (int i = 0; i < 3; ++i) CHECK(same_bits(one[i], other[i]));
  }
  set_threads(before);
}

namespace {

// The same numbers as bfloat16 holds them, in both elements.
struct Both {
  Tensor low, wide;
  explicit Both(const Tensor& tensor) {
    convert(tensor, Element::bfloat16, low);
    convert(low, Element::float32, wide);
  }
};

// |a - b| is at most half a step of bfloat16 at b and what float32 sums of `terms` products, whose
// magnitudes add up to `size`, may lose: each of the additions 2^-24 of a partial sum.
void check_within_rounding(const Tensor& a, const Tensor& truth, const Tensor& size,
                           std::int64_t terms) {
  Tensor wide;
  convert(a, Element::float32, wide);
  REQUIRE(wide.shape() == truth.shape());
  const double step = a.element() == Element::bfloat16 ? 0x1p-8 : 0;
  for (std::int64_t i = 0; i < truth.elements(); ++i) {
    const auto t = static_cast<double>(truth.floats()[i]),
               s = static_cast<double>(size.floats()[i]);
    const double sum_error = static_cast<double>(terms + 1) * 0x1p-24 * s;
    const double bound = sum_error + step * (std::abs(t) + sum_error) + 0x1p-126;
    if (std::abs(static_cast<double>(wide.floats()[i]) - t) > bound) {
      CAPTURE(i);
      CAPTURE(t);
      CHECK(std::abs(static_cast<double>(wide.floats()[i]) - t) <= bound);
      return;
    }
  }
}

Tensor magnitudes(const Tensor& tensor) {
  Tensor result = tensor;
  for (std::int64_t i = 0; i < tensor.elements(); ++i)
    result.floats()[i] = std::abs(tensor.floats()[i]);
  return result;
}

}  // namespace

TEST_CASE("products: bfloat16 is the plain loops' sum, rounded once") {
  for (const bool instructions : {true, false}) {
    const bool before = products::allow_bfloat16(instructions);
    CAPTURE(instructions);
    std::uint64_t key = 300;
    for (const Case& c : cases) {
      CAPTURE(print(c.input));
      CAPTURE(c.kernel);
      const Both x(random_tensor(c.input, ++key)), w(random_tensor(c.weight(), ++key));
      Tensor y, truth, size;
      reference::convolution(x.wide, w.wide, c.window(), truth);
      reference::convolution(magnitudes(x.wide), magnitudes(w.wide), c.window(), size);
      const std::int64_t patch = c.weight().elements() / c.filters;
      for (const Element element : {Element::bfloat16, Element::float32}) {
        products::convolution(x.low, w.wide, nullptr, c.window(), y, {element});
        CHECK(y.element() == element);
        check_within_rounding(y, truth, size, patch);
      }
      products::convolution(x.low, w.wide, nullptr, c.window(), y, {Element::bfloat16, true});
      Tensor rectified = truth;
      for (std::int64_t i = 0; i < truth.elements(); ++i)
        rectified.floats()[i] = std::max(truth.floats()[i], 0.0f);
      check_within_rounding(y, rectified, size, patch);

      const Both e(random_tensor(truth.shape(), ++key));
      reference::convolution_input_error(e.wide, w.wide, c.window(), c.input, truth);
      reference::convolution_input_error(magnitudes(e.wide), magnitudes(w.wide), c.window(),
                                         c.input, size);
      for (const Element element : {Element::bfloat16, Element::float32}) {
        products::convolution_input_error(e.low, w.wide, c.window(), c.input, y, element);
        check_within_rounding(y, truth, size, c.filters * c.kernel * c.kernel);
      }
      reference::convolution_weight_gradient(x.wide, e.wide, c.window(), c.weight(), truth);
      reference::convolution_weight_gradient(magnitudes(x.wide), magnitudes(e.wide), c.window(),
                                             c.weight(), size);
      products::convolution_weight_gradient(x.low, e.low, c.window(), c.weight(), y);
      CHECK(y.element() == Element::float32);
      check_within_rounding(y, truth, size, e.wide.elements() / c.filters);
    }
    products::allow_bfloat16(before);
  }
}

TEST_CASE("products: the three products of a linear layer in bfloat16") {
  for (const bool instructions : {true, false}) {
    const bool before = products::allow_bfloat16(instructions);
    CAPTURE(instructions);
    for (const auto& [images, inputs, units] :
         {std::array<std::int64_t, 3>{5, 48, 7}, {64, 800, 500}, {33, 129, 10}, {1, 16, 1}}) {
      CAPTURE(inputs);
      const Both x(random_tensor({images, inputs}, 1)), w(random_tensor({units, inputs}, 2)),
          e(random_tensor({images, units}, 3));
      const auto check = [&](const Both& a, bool ta, const Both& b, bool tb, const Tensor& result,
                             std::int64_t terms) {
        Tensor truth, size;
        reference::matmul(a.wide, ta, b.wide, tb, truth);
        reference::matmul(magnitudes(a.wide), ta, magnitudes(b.wide), tb, size);
        check_within_rounding(result, truth, size, terms);
      };
      Tensor y;
      for (const Element element : {Element::bfloat16, Element::float32}) {
        products::linear(x.low, w.wide, nullptr, y, {element});
        check(x, false, w, true, y, inputs);
        products::linear_input_error(e.low, w.wide, y, element);
        check(e, false, w, false, y, units);
      }
      products::linear_weight_gradient(x.low, e.low, y);
      check(e, true, x, false, y, images);
    }
    products::allow_bfloat16(before);
  }
}

TEST_CASE("products: float32 becomes the nearest bfloat16, ties to even") {
  const float values[] = {1.0f,
                          1.0f + 0x1p-8f,
                          1.0f + 0x1p-7f + 0x1p-8f,
                          1.0f + 0x1p-8f + 0x1p-20f,
                          -0.0f,
                          3.4e38f,
                          0x1p-140f,
                          -1e-41f,
                          INFINITY,
                          NAN};
  for (const float value : values) {
    CAPTURE(value);
    const float rounded = to_float(from_float<std::uint16_t>(value));
    if (std::isnan(value)) {
      CHECK(std::isnan(rounded));
    } else {
      CHECK(rounded == round_to_grid(value, {.exponent = 8, .mantissa = 7}, Rounding::nearest, 0));
    }
  }
}

#include "framework/code_paths.h"
#include "framework/products.h"

#include "framework/parallel.h"
#include "framework/reference.h"
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
       {found, products::Paths{false, found.gemm}, products::Paths{false, false}}) {
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

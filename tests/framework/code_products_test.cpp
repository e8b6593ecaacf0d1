#include "framework/code_products.h"

#include <atomic>

#include "framework/code_paths.h"
#include "framework/parallel.h"
#include "framework/reference.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

namespace {

// Gathers blocks, counting how often each image is given.
template <class Product>
Tensor gather(const Shape& shape, const Product& product) {
  Tensor sums(shape, Element::int32);
  std::vector<std::atomic<int>> seen(static_cast<std::size_t>(shape[0]));
  const std::int64_t size = shape.elements() / shape[0];
  product([&](std::int64_t first, std::int64_t count, const std::int32_t* block) {
    for (std::int64_t i = first; i < first + count; ++i) ++seen[static_cast<std::size_t>(i)];
    std::copy_n(block, count * size, sums.data<std::int32_t>() + first * size);
  });
  for (const auto& times : seen) CHECK(times == 1);
  return sums;
}

template <class Body>
void for_every_path(const Body& body) {
  const products::Paths found = products::paths();
  products::Paths narrow = found;
  narrow.wide_unsigned = narrow.wide_signed = false;
  narrow.direct = false;
  products::Paths stock = found, direct{.direct = found.direct};
  stock.direct = false;
  for (const products::Paths& path :
       {found, stock, narrow, direct, products::Paths{.gemm = found.gemm}, {}}) {
    products::override_paths(path);
    body();
  }
  products::override_paths(found);
}

}  // namespace

TEST_CASE("code products: uint8 inputs give the plain loops' sums, each image in one block") {
  const Window same{3, 3, 1, 1, 1, 1, 1, 1}, strided{3, 3, 2, 1, 1, 1, 1, 1},
      depthwise{3, 3, 1, 1, 1, 1, 1, 24}, corner{2, 2, 1, 0, 1, 0, 1, 1};
  const std::tuple<Shape, Shape, Window> cases[] = {
      {{5, 9, 9, 3}, {16, 3, 3, 3}, same},      {{13, 8, 8, 32}, {40, 3, 3, 32}, same},
      {{4, 9, 7, 16}, {24, 3, 3, 16}, strided}, {{3, 6, 6, 24}, {24, 3, 3, 1}, depthwise},
      {{7, 5, 5, 33}, {8, 2, 2, 33}, corner},   {{2, 1, 1, 700}, {30, 1, 1, 700}, {}},
      {{1, 4, 4, 600}, {16, 3, 3, 600}, same},
  };
  for_every_path([&] {
    std::uint64_t key = 1;
    for (const auto& [input, weight, window] : cases) {
      CAPTURE(print(input));
      const Tensor x = random_codes(input, ++key, Element::uint8), w = random_codes(weight, ++key);
      Tensor truth;
      reference::convolution(x, w, window, truth);
      CHECK(same_bits(gather(truth.shape(),
                             [&](const products::SumsBody& body) {
                               products::convolution_sums(x, w, window, body);
                             }),
                      truth));
    }
  });
}

TEST_CASE("code products: the largest codes of one sign do not saturate") {
  const Window same{3, 3, 1, 1, 1, 1, 1, 1};
  Tensor x({2, 4, 4, 512}, Element::uint8), w({16, 3, 3, 512}, Element::int8), truth;
  std::fill_n(x.data<std::uint8_t>(), x.elements(), std::uint8_t{255});
  std::fill_n(w.data<std::int8_t>(), w.elements(), std::int8_t{-127});
  w.data<std::int8_t>()[3] = 126;
  reference::convolution(x, w, same, truth);
  for_every_path([&] {
    CHECK(same_bits(gather(truth.shape(),
                           [&](const products::SumsBody& body) {
                             products::convolution_sums(x, w, same, body);
                           }),
                    truth));
  });
}

TEST_CASE("code products: errors find their way back through any window, each image in one block") {
  struct Case {
    Shape input;
    std::int64_t filters;
    Window window;
    bool wide = false;  // sums beyond 2^24
  };
  const Case cases[] = {
      {{7, 12, 12, 20}, 50, {5, 5, 1, 0, 0, 0, 0, 1}},       // LeNet-5's second
      {{5, 9, 11, 16}, 24, {3, 3, 2, 1, 1, 1, 1, 1}},        // strided
      {{5, 9, 11, 16}, 24, {1, 1, 2, 0, 0, 0, 0, 1}},        // pixels that no window sees
      {{3, 9, 10, 6}, 5, {2, 4, 2, 0, 1, 3, 0, 1}},          // nothing alike
      {{3, 10, 9, 6}, 5, {4, 2, 3, 3, 0, 0, 1, 1}},          //
      {{2, 3, 3, 10}, 7, {3, 3, 2, 2, 2, 2, 2, 1}},          // strided, output nearly as large
      {{2, 64, 64, 8}, 12, {7, 7, 2, 3, 3, 3, 3, 1}},        // windows of several chunks
      {{2, 6, 6, 4}, 1200, {1, 1, 2, 0, 0, 0, 0, 1}, true},  // folded
      {{1, 4, 4, 4}, 1200, {3, 3, 1, 1, 1, 1, 1, 1}, true},  // turned
  };
  const int before = threads();
  for_every_path([&] {
    std::uint64_t key = 1;
    for (const Case& c : cases) {
      CAPTURE(print(c.input));
      CAPTURE(c.window.kernel_h);
      CAPTURE(c.window.stride);
      const Window& window = c.window;
      const Shape weight{c.filters, window.kernel_h, window.kernel_w, c.input[3]};
      const Shape output = convolution_shape(c.input, weight, window);
      const Tensor e =
          c.wide ? extreme_codes(output, ++key, Element::int8) : random_codes(output, ++key);
      const Tensor w =
          c.wide ? extreme_codes(weight, ++key, Element::int8) : random_codes(weight, ++key);
      Tensor truth;
      reference::convolution_input_error(e, w, window, c.input, truth);
      for (const int count : {1, 3}) {
        set_threads(count);
        CHECK(same_bits(gather(c.input,
                               [&](const products::SumsBody& body) {
                                 products::input_error_sums(e, w, window, c.input, body);
                               }),
                        truth));
      }
    }
  });
  set_threads(before);
}

TEST_CASE("code products: matrix products hand out rows") {
  const Tensor a = random_codes({37, 300}, 1, Element::uint8), b = random_codes({20, 300}, 2);
  Tensor truth;
  reference::matmul(a, false, b, true, truth);
  const int before = threads();
  for_every_path([&] {
    for (const int count : {1, 2, 3}) {
      set_threads(count);
      CHECK(same_bits(
          gather({37, 20},
                 [&](const products::SumsBody& body) { products::matmul_sums(a, b, true, body); }),
          truth));
    }
  });
  set_threads(before);
}

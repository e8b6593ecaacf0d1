#include "framework/code_outliers.h"

#include <algorithm>

#include "framework/check.h"
#include "framework/code_paths.h"
#include "framework/code_products.h"
#include "framework/reference.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

namespace {

Tensor as_reals(const Tensor& codes) {
  Tensor reals(codes.shape());
  for (std::int64_t i = 0; i < codes.elements(); ++i)
    reals.floats()[i] =
        static_cast<float>((codes.element() == Element::uint8 ? codes.data<std::uint8_t>()[i]
                                                              : codes.data<std::int8_t>()[i]) -
                           codes.zero_point);
  for (const Outlier& outlier : codes.outliers)
    reals.floats()[outlier.index] += static_cast<float>(outlier.excess);
  return reals;
}

// In two filters of three, at the place of a Dirac kernel or anywhere.
void add_outliers(Tensor& weight, bool dirac) {
  const std::int64_t filters = weight.shape()[0], size = weight.elements() / filters;
  const std::int64_t depth = weight.shape().back(), centre = size / depth / 2 * depth;
  for (std::int64_t k = 0; k < filters; ++k) {
    if (k % 3 == 1) continue;
    const std::int64_t at = dirac ? centre + k % depth : k * 7919 % size;
    weight.outliers.push_back({k * size + at, static_cast<std::int32_t>(k % 2 ? 700 + k : -2000)});
  }
}

Tensor gather(const Shape& shape, const std::function<void(const products::SumsBody&)>& product) {
  Tensor sums(shape, Element::int32);
  const std::int64_t image = shape.elements() / shape[0];
  product([&](std::int64_t first, std::int64_t count, const std::int32_t* block) {
    std::copy_n(block, count * image, sums.data<std::int32_t>() + first * image);
  });
  return sums;
}

void check_same(const Tensor& sums, const Tensor& truth) {
  REQUIRE(sums.shape() == truth.shape());
  for (std::int64_t i = 0; i < truth.elements(); ++i)
    REQUIRE(static_cast<float>(sums.data<std::int32_t>()[i]) == truth.floats()[i]);
}

}  // namespace

TEST_CASE("code products: outliers of the weights count whole, forward and back") {
  const Window same{3, 3, 1, 1, 1, 1, 1, 1}, strided{3, 3, 2, 1, 1, 1, 1, 1},
      grouped{3, 3, 1, 1, 1, 1, 1, 2}, depthwise{3, 3, 1, 1, 1, 1, 1, 12},
      corner{2, 2, 1, 0, 1, 0, 1}, wide{5, 5, 3, 2, 2, 2, 2, 1};
  for (const Window& window : {same, strided, grouped, depthwise, corner, wide, Window{}})
    for (const bool dirac : {true, false}) {
      Tensor codes = random_codes({3, 7, 6, 12}, 1, Element::uint8);
      codes.zero_point = 17;
      Tensor weight = random_codes({24, window.kernel_h, window.kernel_w, 12 / window.groups}, 2);
      add_outliers(weight, dirac);
      Tensor outputs, errors_at_input;
      reference::convolution(as_reals(codes), as_reals(weight), window, outputs);
      const Tensor error = random_codes(outputs.shape(), 3);
      reference::convolution_input_error(as_reals(error), as_reals(weight), window, codes.shape(),
                                         errors_at_input);
      const products::Paths found = products::paths();
      products::Paths stock = found;
      stock.direct = false;
      for (const products::Paths& path : {found, stock, products::Paths{}}) {
        products::override_paths(path);
        check_same(gather(outputs.shape(),
                          [&](const products::SumsBody& body) {
                            products::convolution_sums(codes, weight, window, body);
                          }),
                   outputs);
        check_same(gather(codes.shape(),
                          [&](const products::SumsBody& body) {
                            products::input_error_sums(error, weight, window, codes.shape(), body);
                          }),
                   errors_at_input);
      }
      products::override_paths(found);
    }
}

TEST_CASE("code products: outliers of a matrix count whole, transposed or not") {
  Tensor a = random_codes({5, 33}, 1, Element::uint8), b = random_codes({9, 33}, 2);
  a.zero_point = 7;
  add_outliers(b, false);
  REQUIRE(b.outliers.size() == 6);
  Tensor truth;
  reference::matmul(as_reals(a), false, as_reals(b), true, truth);
  check_same(
      gather({5, 9},
             [&](const products::SumsBody& body) { products::matmul_sums(a, b, true, body); }),
      truth);
  const Tensor error = random_codes({5, 9}, 3);
  reference::matmul(as_reals(error), false, as_reals(b), false, truth);
  check_same(
      gather({5, 33},
             [&](const products::SumsBody& body) { products::matmul_sums(error, b, false, body); }),
      truth);
}

TEST_CASE("code products: outliers whose sums could pass 2^31 are refused") {
  Tensor weight = random_codes({600, 4}, 1);
  for (std::int64_t k = 0; k < 600; ++k) weight.outliers.push_back({k * 4 + k % 4, 32640});
  CHECK_NOTHROW(products::CodeOutliers(weight, {}));
  for (std::int64_t k = 0; k < 600; ++k) weight.outliers[static_cast<std::size_t>(k)].index = k * 4;
  CHECK_THROWS_AS(products::CodeOutliers(weight, {}), Error);  // all at one input
}

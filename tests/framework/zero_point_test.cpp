#include "framework/zero_point.h"

#include <algorithm>

#include "framework/code_paths.h"
#include "framework/code_products.h"
#include "framework/reference.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

namespace {

// The sums of weight * (code - zero point), by reals.
Tensor shifted_truth(const Tensor& codes, const Tensor& weight, const Window& window) {
  Tensor x(codes.shape()), w(weight.shape()), y;
  for (std::int64_t i = 0; i < x.elements(); ++i)
    x.floats()[i] = static_cast<float>(codes.data<std::uint8_t>()[i] - codes.zero_point);
  for (std::int64_t i = 0; i < w.elements(); ++i)
    w.floats()[i] = static_cast<float>(weight.data<std::int8_t>()[i]);
  reference::convolution(x, w, window, y);
  return y;
}

}  // namespace

TEST_CASE("code products: a zero point is taken off, and padding stands for zero") {
  for (const Window& window : {Window{3, 3, 1, 1, 1, 1, 1, 1}, Window{3, 3, 2, 1, 1, 1, 1, 1},
                               Window{}, Window{3, 2, 1, 2, 0, 0, 1, 2}}) {
    Tensor codes = random_codes({3, 7, 6, 4}, 1, Element::uint8);
    codes.zero_point = 131;
    const Tensor weight = random_codes({6, window.kernel_h, window.kernel_w, 4 / window.groups}, 2);
    const Tensor truth = shifted_truth(codes, weight, window);
    Tensor sums(truth.shape(), Element::int32);
    const std::int64_t image = truth.elements() / 3;
    // By our own kernel where there is one, with padding around the codes, and by plain loops.
    const products::Paths found = products::paths();
    products::Paths stock = found;
    stock.direct = false;
    for (const products::Paths& path : {found, stock, products::Paths{}}) {
      products::override_paths(path);
      products::convolution_sums(
          codes, weight, window,
          [&](std::int64_t first, std::int64_t count, const std::int32_t* block) {
            std::copy_n(block, count * image, sums.data<std::int32_t>() + first * image);
          });
      for (std::int64_t i = 0; i < truth.elements(); ++i)
        REQUIRE(static_cast<float>(sums.data<std::int32_t>()[i]) == truth.floats()[i]);
    }
    products::override_paths(found);
  }
}

TEST_CASE("code products: a matrix with a zero point") {
  Tensor a = random_codes({5, 33}, 1, Element::uint8);
  a.zero_point = 7;
  const Tensor b = random_codes({9, 33}, 2);
  products::matmul_sums(a, b, true,
                        [&](std::int64_t first, std::int64_t count, const std::int32_t* sums) {
                          for (std::int64_t i = 0; i < count * 9; ++i) {
                            std::int32_t sum = 0;
                            for (std::int64_t c = 0; c < 33; ++c)
                              sum += (a.data<std::uint8_t>()[(first + i / 9) * 33 + c] - 7) *
                                     b.data<std::int8_t>()[i % 9 * 33 + c];
                            REQUIRE(sums[i] == sum);
                          }
                        });
}

#include "framework/dnn.h"

#include "framework/reference.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

TEST_CASE("dnn: a bias is added to a float32 convolution") {
  const Tensor x = random_tensor({2, 6, 6, 4}, 1), w = random_tensor({5, 3, 3, 4}, 2),
               bias = random_tensor({5}, 3);
  const Window window{.kernel_h = 3, .kernel_w = 3};
  Tensor y, truth;
  dnn::convolution(x, w, &bias, window, {}, y);
  reference::convolution(x, w, window, truth);
  for (std::int64_t i = 0; i < truth.elements(); ++i) truth.floats()[i] += bias.floats()[i % 5];
  CHECK(relative_difference(y, truth) < 1e-5);
}

TEST_CASE("dnn: gemm reads rows out of larger arrays and adds to what is there") {
  const Tensor a = random_tensor({4, 10}, 4), b = random_tensor({6, 9}, 5);
  Tensor c({4, 9});
  std::fill_n(c.floats(), c.elements(), 1.0f);
  dnn::gemm(4, 9, 6, {a.floats() + 2, 10, false}, {b.raw(), 9, false}, true, c.floats());
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 9; ++j) {
      double sum = 1;
      for (int k = 0; k < 6; ++k)
        sum += static_cast<double>(a.floats()[i * 10 + 2 + k]) *
               static_cast<double>(b.floats()[k * 9 + j]);
      CHECK(c.floats()[i * 9 + j] == doctest::Approx(sum).epsilon(1e-5));
    }
  CHECK(dnn::description().find("oneDNN ") == 0);
}

#include "layers/pooling.h"

#include <cmath>

#include "layers/average_pool.h"
#include "layers/max_pool.h"
#include "tests/gradient_check.h"

using namespace octet;
using namespace octet::test;

TEST_CASE("pooling: backward is the derivative of forward") {
  for (const Pooling::Options& options :
       {Pooling::Options{2, 2}, Pooling::Options{3, 2}, Pooling::Options{2, 3},
        Pooling::Options{7, 1}, Pooling::Options{2, 2, false}, Pooling::Options{3, 2, false}}) {
    CAPTURE(options.window);
    CAPTURE(options.ceil_mode);
    MaxPool max(options);
    max.connect({7, 8, 3});
    check_gradients(max, random_tensor({2, 7, 8, 3}, 3, -10, 10), {.training = true});
    AveragePool average(options);
    average.connect({7, 8, 3});
    check_gradients(average, random_tensor({2, 7, 8, 3}, 4), {.training = true});
  }
}

TEST_CASE("pooling: NaN anywhere in a window is seen") {
  for (int at = 0; at < 4; ++at) {
    Tensor x({1, 2, 2, 1});
    x.fill_zero();
    x.floats()[at] = std::nanf("");
    MaxPool max({2, 2});
    max.connect({2, 2, 1});
    CHECK(std::isnan(max.forward(x, {}).floats()[0]));
  }
}

TEST_CASE("pooling: values, with the last window cut off at the edge") {
  Tensor x({1, 3, 3, 1});
  for (int i = 0; i < 9; ++i) x.floats()[i] = static_cast<float>(i);
  MaxPool max({2, 2});
  CHECK(max.connect({3, 3, 1}) == Shape{2, 2, 1});
  const Tensor& m = max.forward(x, {});
  CHECK(m.floats()[0] == 4);
  CHECK(m.floats()[1] == 5);
  CHECK(m.floats()[2] == 7);
  CHECK(m.floats()[3] == 8);
  AveragePool average({2, 2});
  average.connect({3, 3, 1});
  const Tensor& a = average.forward(x, {});
  CHECK(a.floats()[0] == 2);
  CHECK(a.floats()[1] == 3.5f);
  CHECK(a.floats()[3] == 8);
}

TEST_CASE("pooling: without ceil_mode what is cut off at the edge is dropped") {
  Tensor x({1, 3, 3, 1});
  for (int i = 0; i < 9; ++i) x.floats()[i] = static_cast<float>(i);
  MaxPool max({2, 2, false});
  CHECK(max.connect({3, 3, 1}) == Shape{1, 1, 1});
  CHECK(max.forward(x, {}).floats()[0] == 4);
  Tensor error({1, 1, 1, 1});
  error.floats()[0] = 5;
  const Tensor& passed = max.backward(error, {.training = true});
  for (int i = 0; i < 9; ++i) CHECK(passed.floats()[i] == (i == 4 ? 5 : 0));
  CHECK(*max.spec().find("ceil_mode") == "0");
  CHECK(MaxPool({2, 2}).spec().find("ceil_mode") == nullptr);
}

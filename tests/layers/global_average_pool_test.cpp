#include "layers/global_average_pool.h"

#include "tests/gradient_check.h"

using namespace octet;
using namespace octet::test;

TEST_CASE("global average pool: backward is the derivative of forward") {
  for (const Shape& shape : {Shape{4, 5, 3}, Shape{1, 1, 7}, Shape{8, 8, 33}}) {
    GlobalAveragePool pool;
    CHECK(pool.connect(shape) == Shape{1, 1, shape[2]});
    check_gradients(pool, random_tensor(shape.with_front(3), 1), {.training = true});
  }
}

TEST_CASE("global average pool: the mean of each channel") {
  Tensor x({1, 2, 2, 2});
  for (int i = 0; i < 8; ++i) x.floats()[i] = static_cast<float>(i);
  GlobalAveragePool pool;
  pool.connect({2, 2, 2});
  const Tensor& y = pool.forward(x, {});
  CHECK(y.floats()[0] == 3);
  CHECK(y.floats()[1] == 4);
}

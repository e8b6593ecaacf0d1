#include "layers/convolution.h"

#include "tests/gradient_check.h"

using namespace octet;
using namespace octet::test;

TEST_CASE("convolution: backward is the derivative of forward") {
  const Convolution::Options cases[] = {
      {.channels = 4, .kernel = 3},
      {.channels = 6, .kernel = 3, .stride = 2, .padding = 1},
      {.channels = 6, .kernel = 5, .padding = 2, .groups = 3},
      {.channels = 3, .kernel = 1, .stride = 2, .bias = false},
      {.channels = 3, .kernel = 3, .padding = 1, .groups = 3},
  };
  for (const auto& options : cases) {
    CAPTURE(options.kernel);
    CAPTURE(options.stride);
    Convolution layer(options);
    layer.set_name("conv1");
    layer.connect({7, 8, 3});
    layer.allocate();
    layer.initialize(1);
    check_gradients(layer, random_tensor({2, 7, 8, 3}, 2), {.training = true});
  }
}

TEST_CASE("convolution: depthwise, a filter for each channel") {
  for (const std::int64_t stride : {1, 2}) {
    Convolution layer({.channels = 24,
                       .kernel = 3,
                       .stride = stride,
                       .padding = 1,
                       .groups = 24,
                       .bias = stride == 1});
    layer.set_name("conv1");
    layer.connect({6, 5, 24});
    layer.allocate();
    layer.initialize(1);
    CHECK(layer.parameters()[0]->value.shape() == Shape{24, 3, 3, 1});
    check_gradients(layer, random_tensor({3, 6, 5, 24}, 2), {.training = true});
  }
}

TEST_CASE("convolution: the definition makes the same layer") {
  const Convolution layer({.channels = 8,
                           .kernel = 3,
                           .stride = 2,
                           .padding = 1,
                           .groups = 2,
                           .bias = false,
                           .initializer = Initializer::glorot});
  const Spec spec = layer.spec();
  SpecReader reader(spec);
  CHECK(Convolution::from(reader)->spec() == spec);
  CHECK_NOTHROW(reader.finish());
}

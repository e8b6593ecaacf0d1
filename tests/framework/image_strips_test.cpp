#include "framework/image_strips.h"

#include <cstring>
#include <vector>

#include "framework/bfloat16.h"
#include "framework/parallel.h"
#include "framework/products.h"
#include "framework/reference.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

namespace {

// Small whole numbers: every product and every sum of them is exact, in any order.
Tensor whole_numbers(const Shape& shape, std::uint64_t key) {
  const Tensor codes = random_codes(shape, key);
  Tensor floats(shape), low;
  for (std::int64_t i = 0; i < shape.elements(); ++i)
    floats.floats()[i] = static_cast<float>(codes.data<std::int8_t>()[i] % 8);
  convert(floats, Element::bfloat16, low);
  return low;
}

Tensor widened(const Tensor& low) {
  Tensor floats;
  convert(low, Element::float32, floats);
  return floats;
}

// Some widths in place of those that a kernel is fast at.
std::int64_t odd_or_whole(std::int64_t width) { return width % 4 == 0 ? width : width | 3; }

struct Case {
  Shape input;
  Window window;
  std::int64_t filters;
};

// Images per strip of at most 64 positions: some, all of the batch, one that is widened, one as it
// is, and windows for which strips cannot take the place of images.
const Case cases[] = {
    {{11, 7, 7, 3}, {3, 3, 1, 1, 1, 1, 1}, 5},   {{3, 5, 4, 2}, {3, 2, 1, 1, 1, 0, 1}, 4},
    {{2, 4, 33, 2}, {3, 3, 1, 1, 1, 1, 1}, 3},   {{3, 4, 32, 2}, {3, 3, 1, 1, 1, 1, 1}, 3},
    {{6, 6, 8, 4}, {5, 5, 1, 0, 0, 0, 0}, 2},    {{5, 8, 8, 3}, {3, 3, 2, 1, 1, 1, 1}, 4},
    {{4, 6, 6, 2}, {1, 1, 1, 1, 1, 1, 1}, 3},    {{2, 3, 70, 1}, {3, 3, 1, 1, 1, 1, 1}, 2},
    {{9, 3, 3, 8}, {3, 3, 1, 1, 1, 1, 1, 2}, 6},
};

}  // namespace

TEST_CASE("image strips: a weight gradient over strips is that over the images") {
  std::uint64_t key = 40;
  for (const Case& c : cases) {
    CAPTURE(print(c.input));
    const Shape weight{c.filters, c.window.kernel_h, c.window.kernel_w,
                       c.input[3] / c.window.groups};
    const Shape output = convolution_shape(c.input, weight, c.window);
    const Tensor x = whole_numbers(c.input, ++key), e = whole_numbers(output, ++key);
    Tensor truth;
    reference::convolution_weight_gradient(widened(x), widened(e), c.window, weight, truth);
    const ImageStrips strips(c.input, c.window, 64, odd_or_whole);
    CHECK(strips.images() <= c.input[0]);
    for (const std::int64_t in_block : {1, 2, 5}) {
      CAPTURE(in_block);
      Tensor inputs(strips.shape(c.input, in_block), Element::bfloat16),
          errors(strips.shape(output, in_block), Element::bfloat16), sum(weight);
      REQUIRE(convolution_shape(inputs.shape(), weight, c.window) == errors.shape());
      sum.fill_zero();
      for (std::int64_t first = 0; first < c.input[0]; first += in_block * strips.images()) {
        Tensor block_x(inputs.shape(), Element::bfloat16),
            block_e(errors.shape(), Element::bfloat16), gradient;
        std::memcpy(block_x.raw(), strips.lay(x, first, inputs), inputs.bytes());
        std::memcpy(block_e.raw(), strips.lay(e, first, errors), errors.bytes());
        reference::convolution_weight_gradient(widened(block_x), widened(block_e), c.window, weight,
                                               gradient);
        for (std::int64_t i = 0; i < sum.elements(); ++i) sum.floats()[i] += gradient.floats()[i];
      }
      CHECK(same_bits(sum, truth));
    }
  }
}

TEST_CASE("image strips: as many images as fit, in widths rounded as told") {
  const Window window{3, 3, 1, 1, 1, 1, 1};
  const auto width = [&](std::int64_t image, std::int64_t batch) {
    const ImageStrips strips({batch, image, image, 4}, window, 64, odd_or_whole);
    return std::pair(strips.images(), strips.shape({batch, image, image, 4}, 1)[2]);
  };
  CHECK(width(7, 128) == std::pair<std::int64_t, std::int64_t>(8, 63));
  CHECK(width(8, 128) == std::pair<std::int64_t, std::int64_t>(7, 63));
  CHECK(width(16, 128) == std::pair<std::int64_t, std::int64_t>(3, 51));
  CHECK(width(32, 128) == std::pair<std::int64_t, std::int64_t>(1, 32));
  CHECK(width(33, 128) == std::pair<std::int64_t, std::int64_t>(1, 35));
  CHECK(width(7, 2) == std::pair<std::int64_t, std::int64_t>(2, 15));
  CHECK(width(100, 4) == std::pair<std::int64_t, std::int64_t>(1, 100));
}

TEST_CASE("image strips: gradients of bfloat16 are exact sums where these fit, for any threads") {
  std::uint64_t key = 80;
  const int before = threads();
  std::vector<Case> batches;
  for (const std::int64_t batch : {1, 3, 40, 257})
    for (Case c : cases) {
      c.input = c.input.without_front().with_front(batch);
      batches.push_back(c);
    }
  // Operands of several blocks a thread.
  batches.push_back({{1700, 7, 7, 64}, {3, 3, 1, 1, 1, 1, 1}, 2});
  for (const Case& c : batches) {
    CAPTURE(print(c.input));
    const Shape weight{c.filters, c.window.kernel_h, c.window.kernel_w,
                       c.input[3] / c.window.groups};
    const Tensor x = whole_numbers(c.input, ++key),
                 e = whole_numbers(convolution_shape(c.input, weight, c.window), ++key),
                 w = widened(whole_numbers(weight, ++key));
    Tensor gradient_truth, back_truth, gradient, back;
    reference::convolution_weight_gradient(widened(x), widened(e), c.window, weight,
                                           gradient_truth);
    reference::convolution_input_error(widened(e), w, c.window, c.input, back_truth);
    for (const int count : {1, 2, 3, 16}) {
      CAPTURE(count);
      set_threads(count);
      products::convolution_weight_gradient(x, e, c.window, weight, gradient);
      CHECK(same_bits(gradient, gradient_truth));
      products::convolution_input_error(e, w, c.window, c.input, back, Element::float32);
      CHECK(same_bits(back, back_truth));
    }
  }
  set_threads(before);
}

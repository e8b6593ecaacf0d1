#include "framework/test_augmentation.h"

#include "framework/check.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

TEST_CASE("test augmentation: means over images mirrored and shifted by a pixel") {
  const Tensor images = random_tensor({2, 3, 4, 2}, 1);
  const auto pixel = [&](std::int64_t n, std::int64_t y, std::int64_t x, std::int64_t c) {
    const auto inside = [](std::int64_t at, std::int64_t size) {
      return at < 0 ? -at : at >= size ? 2 * size - 2 - at : at;
    };
    return images.floats()[((n * 3 + inside(y, 3)) * 4 + inside(x, 4)) * 2 + c];
  };
  // A function that is not linear, of one place: so each copy counts.
  Tensor scores;
  const Forward forward = [&](const Tensor& x) -> const Tensor& {
    scores.resize({x.shape()[0], 1, 1, 2});
    for (std::int64_t n = 0; n < x.shape()[0]; ++n)
      for (std::int64_t c = 0; c < 2; ++c) {
        const float v = x.floats()[((n * 3 + 1) * 4 + 0) * 2 + c];
        scores.floats()[n * 2 + c] = v * v;
      }
    return scores;
  };
  const auto square = [](float v) { return v * v; };
  AugmentedForward none(forward, TestAugmentation::none), half(forward, TestAugmentation::mirror),
      all(forward, TestAugmentation::mirror_shift);
  for (int again = 0; again < 2; ++again)
    for (std::int64_t n = 0; n < 2; ++n)
      for (std::int64_t c = 0; c < 2; ++c) {
        const std::int64_t i = n * 2 + c;
        const auto both = [&](std::int64_t by) {
          return (square(pixel(n, 1 - by, 0 - by, c)) + square(pixel(n, 1 - by, 3 - by, c))) / 2;
        };
        CHECK(none(images).floats()[i] == square(pixel(n, 1, 0, c)));
        CHECK(half(images).floats()[i] == doctest::Approx(both(0)));
        CHECK(all(images).floats()[i] == doctest::Approx(both(0) / 2 + (both(1) + both(-1)) / 4));
      }
  CHECK(parse_test_augmentation("mirror-shift") == TestAugmentation::mirror_shift);
  CHECK_THROWS_AS(parse_test_augmentation("flip"), Error);
}

#include "framework/test_augmentation.h"

#include <algorithm>

#include "framework/check.h"
#include "framework/parallel.h"

namespace octet {
namespace {

void mirror(const Tensor& images, Tensor& result) {
  const Shape& shape = images.shape();
  const std::int64_t width = shape[2], channels = shape[3];
  result.resize(shape);
  parallel_for(shape[0] * shape[1], 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row)
      for (std::int64_t x = 0; x < width; ++x)
        std::copy_n(images.floats() + (row * width + width - 1 - x) * channels, channels,
                    result.floats() + (row * width + x) * channels);
  });
}

// Down and right by `by` pixels.
void shift(const Tensor& images, std::int64_t by, Tensor& result) {
  const Shape& shape = images.shape();
  const std::int64_t height = shape[1], width = shape[2], channels = shape[3];
  const auto inside = [](std::int64_t at, std::int64_t size) {
    return at < 0 ? -at : at >= size ? 2 * (size - 1) - at : at;
  };
  result.resize(shape);
  parallel_for(shape[0], 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      for (std::int64_t y = 0; y < height; ++y)
        for (std::int64_t x = 0; x < width; ++x)
          std::copy_n(images.floats() +
                          ((i * height + inside(y - by, height)) * width + inside(x - by, width)) *
                              channels,
                      channels, result.floats() + ((i * height + y) * width + x) * channels);
  });
}

}  // namespace

TestAugmentation parse_test_augmentation(std::string_view name) {
  if (name == "none") return TestAugmentation::none;
  if (name == "mirror") return TestAugmentation::mirror;
  if (name == "mirror-shift") return TestAugmentation::mirror_shift;
  fail(Failure::usage, "unknown test augmentation '", name,
       "', expected none, mirror or mirror-shift");
}

void AugmentedForward::add(const Tensor& images, float weight) {
  const Tensor& scores = forward_(images);
  if (scores_.shape() != scores.shape()) {
    scores_.resize(scores.shape());
    scores_.fill_zero();
  }
  for (std::int64_t i = 0; i < scores.elements(); ++i)
    scores_.floats()[i] += weight * scores.floats()[i];
}

void AugmentedForward::add_with_mirror(const Tensor& images, float weight) {
  add(images, weight / 2);
  mirror(images, mirrored_);
  add(mirrored_, weight / 2);
}

const Tensor& AugmentedForward::operator()(const Tensor& images) {
  if (kind_ == TestAugmentation::none) return forward_(images);
  scores_.resize({0});
  if (kind_ == TestAugmentation::mirror) {
    add_with_mirror(images, 1);
    return scores_;
  }
  add_with_mirror(images, 0.5f);
  for (const std::int64_t by : {1, -1}) {
    shift(images, by, changed_);
    add_with_mirror(changed_, 0.25f);
  }
  return scores_;
}

}  // namespace octet

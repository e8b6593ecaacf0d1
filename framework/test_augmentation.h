// Scores as means over changed copies of the images: test-time augmentation (Jordan 2024).
#pragma once

#include <string_view>

#include "framework/training.h"

namespace octet {

enum class TestAugmentation {
  none,
  mirror,        ///< the image and its mirror image, half each
  mirror_shift,  ///< half of that, and half the mean of the same for shifts by (1, 1) and (-1, -1)
};

/// "none", "mirror" or "mirror-shift"; throws Error(usage) otherwise.
TestAugmentation parse_test_augmentation(std::string_view name);

/// Gives the means of what `forward` gives. Images of at least 2 x 2 pixels; what a shift brings in
/// is the image mirrored at its edge.
class AugmentedForward {
 public:
  AugmentedForward(Forward forward, TestAugmentation kind)
      : forward_(std::move(forward)), kind_(kind) {}
  const Tensor& operator()(const Tensor& images);

 private:
  void add(const Tensor& images, float weight);
  void add_with_mirror(const Tensor& images, float weight);

  Forward forward_;
  TestAugmentation kind_;
  Tensor changed_, mirrored_, scores_;
};

}  // namespace octet

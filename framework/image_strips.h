// Small images side by side as one wide image, with columns of zeros between them where a window of
// stride 1 would reach into its padding: the weight gradient over strips of inputs and strips of
// output errors is that over the images. A kernel that takes a line's positions by 32 at a time
// computes little of use on lines of 7.
#pragma once

#include "framework/tensor.h"
#include "framework/window.h"

namespace octet {

class ImageStrips {
 public:
  /// Of inputs N x H x W x C under a window, as many to a strip as give outputs of at most `most`
  /// positions a line, before `round_up` makes that a width that is fast; 0 leaves images alone.
  ImageStrips(const Shape& input, const Window& window, std::int64_t most,
              std::int64_t (*round_up)(std::int64_t));

  /// Whether a strip is an image as it is: where that is wider, or strips cannot take its place.
  bool are_images() const { return images_ == 1 && spare_ == 0; }
  std::int64_t images() const { return images_; }
  /// The shape of `count` strips of images of that shape, inputs or outputs.
  Shape shape(const Shape& image, std::int64_t count) const;
  /// Strips of the images of bfloat16 from `first` on, as many as `held` holds, with zeros where
  /// there are no more images: laid into `held`, or the images themselves where they are strips.
  const void* lay(const Tensor& images, std::int64_t first, Tensor& held) const;

 private:
  // Images of a strip, columns from one to the next, and those of zeros behind the last.
  std::int64_t images_ = 1, pitch_ = 0, spare_ = 0;
};

}  // namespace octet

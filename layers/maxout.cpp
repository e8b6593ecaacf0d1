#include "layers/maxout.h"

#include <cassert>

#include "framework/check.h"
#include "framework/parallel.h"

namespace octet {

std::unique_ptr<Layer> Maxout::from(SpecReader& reader) {
  return std::make_unique<Maxout>(Options{.pieces = reader.integer("pieces", 2, 255, 2)});
}

Spec Maxout::spec() const {
  Spec spec{.kind = "maxout"};
  return spec.set("pieces", options_.pieces);
}

Shape Maxout::connect(const Shape& input) {
  check(input[2] % options_.pieces == 0, Failure::usage, "maxout of ", options_.pieces,
        " pieces: expected a multiple of that many channels, got ", print(input));
  input_ = input;
  return {input[0], input[1], input[2] / options_.pieces};
}

const Tensor& Maxout::forward(const Tensor& input, const Pass&) {
  assert(input.element() == Element::float32);
  const std::int64_t images = input.shape()[0], pieces = options_.pieces;
  output_.resize({images, input_[0], input_[1], input_[2] / pieces});
  selected_.resize(static_cast<std::size_t>(output_.elements()));
  parallel_for(output_.elements(), 1 << 13, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const float* x = input.floats() + i * pieces;
      std::int64_t best = 0;
      for (std::int64_t p = 1; p < pieces; ++p)
        if (x[p] > x[best]) best = p;
      selected_[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(best);
      output_.floats()[i] = x[best];
    }
  });
  return output_;
}

const Tensor& Maxout::backward(const Tensor& error, const Pass&) {
  const std::int64_t pieces = options_.pieces;
  passed_.resize(input_.with_front(error.shape()[0]));
  parallel_for(error.elements(), 1 << 13, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      for (std::int64_t p = 0; p < pieces; ++p)
        passed_.floats()[i * pieces + p] =
            p == selected_[static_cast<std::size_t>(i)] ? error.floats()[i] : 0.0f;
  });
  return passed_;
}

}  // namespace octet

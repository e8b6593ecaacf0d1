#include "layers/pooling.h"

#include <algorithm>
#include <vector>

#include "framework/bfloat16.h"
#include "framework/check.h"
#include "framework/parallel.h"

namespace octet {

Pooling::Options Pooling::read(SpecReader& reader) {
  Options options;
  options.window = reader.integer("window", 1, 1 << 10);
  options.stride = reader.integer("stride", 1, 1 << 10, options.window);
  options.ceil_mode = reader.integer("ceil_mode", 0, 1, 1) != 0;
  return options;
}

Spec Pooling::spec_of(std::string kind) const {
  Spec spec{.kind = std::move(kind)};
  spec.set("window", options_.window)
      .set_unless("stride", options_.stride, options_.window)
      .set_unless("ceil_mode", options_.ceil_mode ? 1 : 0, 1);
  return spec;
}

Shape Pooling::connect(const Shape& input) {
  check(input.rank() == 3 && input[0] >= options_.window && input[1] >= options_.window,
        Failure::usage, "a window of ", options_.window, " does not fit an input of ",
        print(input));
  const auto extent = [&](std::int64_t in) {
    return pool_extent(in, options_.window, options_.stride, options_.ceil_mode);
  };
  input_shape_ = input;
  output_shape_ = {extent(input[0]), extent(input[1]), input[2]};
  return output_shape_;
}

Pooling::Range Pooling::range(std::int64_t o, std::int64_t extent) const {
  const std::int64_t begin = o * options_.stride;
  return {begin, std::min(begin + options_.window, extent)};
}

float Pooling::area(const Range& rows, const Range& columns) {
  return static_cast<float>((rows.end - rows.begin) * (columns.end - columns.begin));
}

bool Pooling::whole_windows() const {
  return !options_.ceil_mode || ((input_shape_[0] - options_.window) % options_.stride == 0 &&
                                 (input_shape_[1] - options_.window) % options_.stride == 0);
}

kernels::PoolGeometry Pooling::geometry() const {
  return {.height = input_shape_[0],
          .width = input_shape_[1],
          .channels = input_shape_[2],
          .output_height = output_shape_[0],
          .output_width = output_shape_[1],
          .window_height = options_.window,
          .window_width = options_.window,
          .stride = options_.stride};
}

namespace kernels {

float* zero_sums(std::int64_t count) {
  static thread_local std::vector<float> sums;
  sums.assign(static_cast<std::size_t>(count), 0.0f);
  return sums.data();
}

OCTET_KERNEL void round_sums(const float* sums, std::int64_t count, float* rounded) {
  for (std::int64_t i = 0; i < count; ++i) rounded[i] = sums[i];
}

OCTET_KERNEL void round_sums(const float* sums, std::int64_t count, std::uint16_t* bfloat16) {
  for (std::int64_t i = 0; i < count; ++i) bfloat16[i] = from_float<std::uint16_t>(sums[i]);
}

}  // namespace kernels

}  // namespace octet

#include "layers/max_pool.h"

#include <algorithm>

#include "framework/bfloat16.h"
#include "framework/parallel.h"
#include "quant/integer/pooling_of_codes.h"

namespace octet {
namespace {

// One channel row against the largest so far: value and place.
template <class T, class Place>
OCTET_KERNEL void take_larger(const T* __restrict x, std::int64_t channels, Place place,
                              T* __restrict best, Place* __restrict places) {
  for (std::int64_t c = 0; c < channels; ++c) {
    const float now = to_float(x[c]);
    // A NaN is taken, so that a diverged training is seen.
    const bool larger = now > to_float(best[c]) || now != now;
    best[c] = larger ? x[c] : best[c];
    places[c] = larger ? place : places[c];
  }
}

// The errors whose values came from a place of the window, zero elsewhere.
template <class T, class Place>
OCTET_KERNEL void put_where(const T* __restrict error, const Place* __restrict places, Place place,
                            std::int64_t channels, T* __restrict to) {
  for (std::int64_t c = 0; c < channels; ++c) to[c] = places[c] == place ? error[c] : T{0};
}

template <class T, class Place>
OCTET_KERNEL void add_where(const T* __restrict error, const Place* __restrict places, Place place,
                            std::int64_t channels, float* __restrict sums) {
  for (std::int64_t c = 0; c < channels; ++c)
    sums[c] += places[c] == place ? to_float(error[c]) : 0.0f;
}

// body(T{}, Place{}): T of the tensor's elements, Place for a window of so many inputs.
template <class Body>
void with_places(Element element, std::int64_t window, const Body& body) {
  with_reals(element, [&](auto value) {
    if (window <= 256) return body(value, std::uint8_t{});
    body(value, std::int32_t{});
  });
}

}  // namespace

std::unique_ptr<Layer> MaxPool::from(SpecReader& reader) {
  return std::make_unique<MaxPool>(read(reader));
}

FlowLayer::Role MaxPool::role() const {
  const bool places_fit = options_.window <= 16;
  return whole_windows() && options_.stride >= options_.window && places_fit ? Role::passer
                                                                             : Role::stopper;
}

const Tensor& MaxPool::forward_codes(const Tensor& input) {
  const std::int64_t n = input.shape()[0], image = input_shape_.elements(),
                     pooled = output_shape_.elements();
  output_.resize(output_shape_.with_front(n), input.element());
  output_.scales = input.scales;
  output_.zero_point = input.zero_point;
  places_.resize(output_.shape(), Element::uint8);
  const kernels::PoolGeometry g = geometry();
  auto* const places = places_.data<std::uint8_t>();
  parallel_for(n, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i)
      if (input.element() == Element::uint8) {
        kernels::max_pool_codes(input.data<std::uint8_t>() + i * image, g,
                                output_.data<std::uint8_t>() + i * pooled, places + i * pooled);
      } else {
        kernels::max_pool_codes(input.data<std::int8_t>() + i * image, g,
                                output_.data<std::int8_t>() + i * pooled, places + i * pooled);
      }
  });
  return output_;
}

// Windows that overlap or are cut off at the edge, in evaluation.
const Tensor& MaxPool::forward_any_codes(const Tensor& input) {
  output_.resize(output_shape_.with_front(input.shape()[0]), Element::uint8);
  output_.scales = input.scales;
  output_.zero_point = input.zero_point;
  const std::int64_t image = input_shape_.elements(), pooled = output_shape_.elements();
  parallel_for(input.shape()[0], 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i)
      max_pool_codes(input.data<std::uint8_t>() + i * image, input_shape_, options_.window,
                     options_.stride, output_shape_, output_.data<std::uint8_t>() + i * pooled);
  });
  return output_;
}

const Tensor& MaxPool::backward_codes(const Tensor& error) {
  const std::int64_t n = error.shape()[0], image = input_shape_.elements(),
                     pooled = output_shape_.elements();
  passed_.resize(input_shape_.with_front(n), Element::int8);
  passed_.scales = error.scales;
  const kernels::PoolGeometry g = geometry();
  parallel_for(n, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i)
      kernels::max_pool_errors(error.data<std::int8_t>() + i * pooled,
                               places_.data<std::uint8_t>() + i * pooled, g,
                               passed_.data<std::int8_t>() + i * image);
  });
  return passed_;
}

template <class T, class Place>
void MaxPool::forward_reals(const Tensor& input) {
  const std::int64_t n = input.shape()[0], h = input_shape_[0], w = input_shape_[1],
                     c = input_shape_[2], oh = output_shape_[0], ow = output_shape_[1];
  parallel_for(n * oh, 4, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t line = first; line < last; ++line) {
      const T* image = input.data<T>() + line / oh * h * w * c;
      const Range rows = range(line % oh, h);
      for (std::int64_t x = 0; x < ow; ++x) {
        const Range columns = range(x, w);
        T* best = output_.data<T>() + (line * ow + x) * c;
        Place* places = places_.data<Place>() + (line * ow + x) * c;
        std::copy_n(image + (rows.begin * w + columns.begin) * c, c, best);
        std::fill_n(places, c, Place{0});
        for (std::int64_t r = rows.begin; r < rows.end; ++r)
          for (std::int64_t q = columns.begin; q < columns.end; ++q) {
            const auto place =
                static_cast<Place>((r - rows.begin) * options_.window + q - columns.begin);
            if (place > 0) take_larger(image + (r * w + q) * c, c, place, best, places);
          }
      }
    }
  });
}

template <class T, class Place>
void MaxPool::backward_reals(const Tensor& error) {
  const std::int64_t n = error.shape()[0], h = input_shape_[0], w = input_shape_[1],
                     c = input_shape_[2], oh = output_shape_[0], ow = output_shape_[1],
                     image = h * w * c;
  // Windows that do not overlap set an error once, or never where they leave gaps.
  const bool apart = options_.stride >= options_.window;
  const bool covered =
      options_.stride == options_.window && oh * options_.stride >= h && ow * options_.stride >= w;
  parallel_for(n, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      T* const passed = passed_.data<T>() + i * image;
      float* const sums = apart ? nullptr : kernels::zero_sums(image);
      if (apart && !covered) std::fill_n(passed, image, T{0});
      for (std::int64_t y = 0; y < oh; ++y)
        for (std::int64_t x = 0; x < ow; ++x) {
          const Range rows = range(y, h), columns = range(x, w);
          const std::int64_t from = ((i * oh + y) * ow + x) * c;
          const T* e = error.data<T>() + from;
          const Place* places = places_.data<Place>() + from;
          for (std::int64_t r = rows.begin; r < rows.end; ++r)
            for (std::int64_t q = columns.begin; q < columns.end; ++q) {
              const auto place =
                  static_cast<Place>((r - rows.begin) * options_.window + q - columns.begin);
              const std::int64_t to = (r * w + q) * c;
              if (apart) {
                put_where(e, places, place, c, passed + to);
              } else {
                add_where(e, places, place, c, sums + to);
              }
            }
        }
      if (!apart) kernels::round_sums(sums, image, passed);
    }
  });
}

const Tensor& MaxPool::forward(const Tensor& input, const Pass&) {
  if (!is_real(input.element())) {
    return role() == Role::passer ? forward_codes(input) : forward_any_codes(input);
  }
  output_.resize(output_shape_.with_front(input.shape()[0]), input.element());
  const std::int64_t window = options_.window * options_.window;
  places_.resize(output_.shape(), window <= 256 ? Element::uint8 : Element::int32);
  with_places(input.element(), window, [&](auto value, auto place) {
    forward_reals<decltype(value), decltype(place)>(input);
  });
  return output_;
}

const Tensor& MaxPool::backward(const Tensor& error, const Pass&) {
  if (!is_real(error.element())) return backward_codes(error);
  passed_.resize(input_shape_.with_front(error.shape()[0]), error.element());
  with_places(error.element(), options_.window * options_.window, [&](auto value, auto place) {
    backward_reals<decltype(value), decltype(place)>(error);
  });
  return passed_;
}

}  // namespace octet

#include "layers/pooling.h"

#include <algorithm>

#include "framework/bfloat16.h"
#include "framework/check.h"
#include "framework/parallel.h"
#include "framework/window.h"
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

template <class T>
OCTET_KERNEL void round_row(const float* sums, std::int64_t count, T* rounded) {
  for (std::int64_t i = 0; i < count; ++i) rounded[i] = from_float<T>(sums[i]);
}

template <class T>
OCTET_KERNEL void add_row(const T* x, std::int64_t channels, float factor, float* sum) {
  for (std::int64_t c = 0; c < channels; ++c) sum[c] += factor * to_float(x[c]);
}

// Sums of one image in float32, zero at first.
float* zeros(std::int64_t count) {
  static thread_local std::vector<float> sums;
  sums.assign(static_cast<std::size_t>(count), 0.0f);
  return sums.data();
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

Pooling::Options Pooling::read(SpecReader& reader) {
  Options options;
  options.window = reader.integer("window", 1, 1 << 10);
  options.stride = reader.integer("stride", 1, 1 << 10, options.window);
  return options;
}

Spec Pooling::spec_of(std::string kind) const {
  Spec spec{.kind = std::move(kind)};
  spec.set("window", options_.window).set_unless("stride", options_.stride, options_.window);
  return spec;
}

Shape Pooling::connect(const Shape& input) {
  check(input.rank() == 3 && input[0] >= options_.window && input[1] >= options_.window,
        Failure::usage, "a window of ", options_.window, " does not fit an input of ",
        print(input));
  const auto extent = [&](std::int64_t in) {
    return pool_extent(in, options_.window, options_.stride);
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
  return (input_shape_[0] - options_.window) % options_.stride == 0 &&
         (input_shape_[1] - options_.window) % options_.stride == 0;
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
  // Windows that lie side by side and leave nothing out set every error of the image once.
  const bool tiled =
      options_.stride == options_.window && oh * options_.stride >= h && ow * options_.stride >= w;
  parallel_for(n, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      T* const passed = passed_.data<T>() + i * image;
      float* const sums = tiled ? nullptr : zeros(image);
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
              if (tiled) {
                put_where(e, places, place, c, passed + to);
              } else {
                add_where(e, places, place, c, sums + to);
              }
            }
        }
      if (!tiled) round_row(sums, image, passed);
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

std::unique_ptr<Layer> AveragePool::from(SpecReader& reader) {
  return std::make_unique<AveragePool>(read(reader));
}

void AveragePool::set_flow_formats(const Format& activations, const Format& errors) {
  codes_.set_formats(name(), activations, errors);
}

const Tensor& AveragePool::forward(const Tensor& given, const Pass& pass) {
  const Tensor& input =
      is_real(given.element()) ? codes_.simulated().forward(given, pass) : given;
  input_ = &input;
  if (!is_real(input.element())) {
    if (in_integers(pass, *input_quantizer())) {
      codes_.evaluate(input, geometry(), make_edge(name(), output_shape_, *integer_),
                      integer_->rectify, output_);
      return output_;
    }
    codes_.forward(input, geometry(), outlet_, pass, output_);
    return output_;
  }
  const std::int64_t n = input.shape()[0], h = input_shape_[0], w = input_shape_[1],
                     c = input_shape_[2], oh = output_shape_[0], ow = output_shape_[1];
  output_.resize(output_shape_.with_front(n), input.element());
  with_reals(input.element(), [&](auto element) {
    using T = decltype(element);
    parallel_for(n * oh, 4, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t line = first; line < last; ++line) {
        const T* image = input.data<T>() + line / oh * h * w * c;
        const Range rows = range(line % oh, h);
        float* const sums = zeros(ow * c);
        for (std::int64_t x = 0; x < ow; ++x) {
          const Range columns = range(x, w);
          for (std::int64_t r = rows.begin; r < rows.end; ++r)
            for (std::int64_t q = columns.begin; q < columns.end; ++q)
              add_row(image + (r * w + q) * c, c, 1.0f / area(rows, columns), sums + x * c);
        }
        round_row(sums, ow * c, output_.data<T>() + line * ow * c);
      }
    });
  });
  return output_;
}

const Tensor& AveragePool::backward(const Tensor& error, const Pass& pass) {
  if (!is_real(input_->element())) {
    codes_.backward(error, *input_, geometry(), error_outlet_, pass, passed_);
    return passed_;
  }
  const std::int64_t n = error.shape()[0], h = input_shape_[0], w = input_shape_[1],
                     c = input_shape_[2], oh = output_shape_[0], ow = output_shape_[1],
                     image = h * w * c;
  passed_.resize(input_shape_.with_front(n), error.element());
  with_reals(error.element(), [&](auto element) {
    using T = decltype(element);
    parallel_for(n, 1, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t i = first; i < last; ++i) {
        float* const sums = zeros(image);
        for (std::int64_t y = 0; y < oh; ++y)
          for (std::int64_t x = 0; x < ow; ++x) {
            const Range rows = range(y, h), columns = range(x, w);
            const T* from = error.data<T>() + ((i * oh + y) * ow + x) * c;
            for (std::int64_t r = rows.begin; r < rows.end; ++r)
              for (std::int64_t q = columns.begin; q < columns.end; ++q)
                add_row(from, c, 1.0f / area(rows, columns), sums + (r * w + q) * c);
          }
        round_row(sums, image, passed_.data<T>() + i * image);
      }
    });
  });
  return codes_.simulated().backward(passed_, pass);
}

void AveragePoolingOfCodes::set_formats(const std::string& layer, const Format& activations,
                                        const Format& errors) {
  const bool simulates = simulates_codes(activations);
  simulated_ = SimulatedCodes(simulates ? activations : Format{}, layer + ".activations");
  activations_ = Quantizer(simulates ? Format{} : activations, layer + ".activations");
  errors_ = Quantizer(errors, layer + ".errors");
}

void AveragePoolingOfCodes::evaluate(const Tensor& codes, const kernels::PoolGeometry& g,
                                     const Edge& edge, bool rectify, Tensor& output) {
  const std::int64_t n = codes.shape()[0], image = g.height * g.width * g.channels,
                     pooled = g.output_height * g.output_width * g.channels;
  const Averaging averaging(codes.scale(), codes.zero_point, g.window_height * g.window_width, edge,
                            rectify, RequantRounding::half_even);
  output.resize({n, g.output_height, g.output_width, g.channels}, Element::uint8);
  output.scales.assign(1, edge.scale);
  output.zero_point = edge.zero_point;
  parallel_for(n, 1, [&](std::int64_t first, std::int64_t last) {
    static thread_local Tensor sums;
    sums.resize({pooled}, Element::int32);
    for (std::int64_t i = first; i < last; ++i) {
      kernels::sum_windows(codes.data<std::uint8_t>() + i * image, Element::uint8, g,
                           sums.data<std::int32_t>());
      averaging.run(sums.data<std::int32_t>(), pooled, output.data<std::uint8_t>() + i * pooled);
    }
  });
}

std::vector<std::pair<std::string, Tensor*>> AveragePoolingOfCodes::state(
    const std::string& layer) {
  std::vector<std::pair<std::string, Tensor*>> all;
  if (input_quantizer()->format().scaling.smooth)
    all.emplace_back(layer + ".activation_range", &input_quantizer()->range());
  if (errors_.format().scaling.smooth) all.emplace_back(layer + ".error_range", &errors_.range());
  return all;
}

std::vector<std::pair<std::string, Quantizer*>> AveragePoolingOfCodes::quantizers() {
  return {{"activations", &activations_}, {"errors", &errors_}};
}

void AveragePoolingOfCodes::forward(const Tensor& input, const kernels::PoolGeometry& g,
                                    const Outlet& outlet, const Pass& pass, Tensor& output) {
  const std::int64_t n = input.shape()[0], image = g.height * g.width * g.channels,
                     pooled = g.output_height * g.output_width * g.channels;
  const auto* codes = static_cast<const std::uint8_t*>(input.raw());
  const auto product = [&](const products::SumsBody& body) {
    parallel_for(n, 1, [&](std::int64_t first, std::int64_t last) {
      static thread_local Tensor sums;
      sums.resize({pooled}, Element::int32);
      for (std::int64_t i = first; i < last; ++i) {
        kernels::sum_windows(codes + i * image, input.element(), g, sums.data<std::int32_t>());
        body(i, 1, sums.data<std::int32_t>());
      }
    });
  };
  const float scale = input.scale() / static_cast<float>(g.window_height * g.window_width);
  emission_.sums(outlet, pass, {n, g.output_height, g.output_width, g.channels}, {&scale, 1}, {},
                 nullptr, product, output);
}

void AveragePoolingOfCodes::backward(const Tensor& error, const Tensor& input,
                                     const kernels::PoolGeometry& g, const Outlet& outlet,
                                     const Pass& pass, Tensor& passed) {
  const Tensor* e = &error;
  if (error.element() == Element::float32) {
    errors_.encode(error, pass, error_codes_);
    e = &error_codes_;
  }
  const std::int64_t n = error.shape()[0], image = g.height * g.width * g.channels,
                     pooled = g.output_height * g.output_width * g.channels;
  const auto product = [&](const products::SumsBody& body) {
    parallel_for(n, 1, [&](std::int64_t first, std::int64_t last) {
      static thread_local Tensor sums;
      sums.resize({image}, Element::int32);
      for (std::int64_t i = first; i < last; ++i) {
        kernels::spread_windows(e->data<std::int8_t>() + i * pooled, g, sums.data<std::int32_t>());
        body(i, 1, sums.data<std::int32_t>());
      }
    });
  };
  const float scale = e->scale() / static_cast<float>(g.window_height * g.window_width);
  emission_.sums(outlet, pass, {n, g.height, g.width, g.channels}, {&scale, 1}, {},
                 outlet.mask ? &input : nullptr, product, passed);
}

}  // namespace octet

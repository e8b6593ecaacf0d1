#include "layers/pooling.h"

#include <algorithm>

#include "framework/check.h"
#include "framework/parallel.h"

namespace octet {
namespace {

// One channel row against the largest so far: value and where it came from.
OCTET_KERNEL void take_larger(const float* x, std::int64_t channels, std::int32_t source,
                              float* best, std::int32_t* sources) {
  for (std::int64_t c = 0; c < channels; ++c) {
    // A NaN is taken, so that a diverged training is seen.
    const bool larger = x[c] > best[c] || x[c] != x[c];
    best[c] = larger ? x[c] : best[c];
    sources[c] = larger ? source + static_cast<std::int32_t>(c) : sources[c];
  }
}

OCTET_KERNEL void add_row(const float* x, std::int64_t channels, float factor, float* sum) {
  for (std::int64_t c = 0; c < channels; ++c) sum[c] += factor * x[c];
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
    const std::int64_t out = (in - options_.window + options_.stride - 1) / options_.stride + 1;
    // A last window that would begin beyond the edge has nothing to pool.
    return (out - 1) * options_.stride >= in ? out - 1 : out;
  };
  input_shape_ = input;
  output_shape_ = {extent(input[0]), extent(input[1]), input[2]};
  return output_shape_;
}

Pooling::Range Pooling::range(std::int64_t o, std::int64_t extent) const {
  const std::int64_t begin = o * options_.stride;
  return {begin, std::min(begin + options_.window, extent)};
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

const Tensor& MaxPool::forward(const Tensor& input, const Pass&) {
  if (input.element() != Element::float32) return forward_codes(input);
  const std::int64_t n = input.shape()[0], h = input_shape_[0], w = input_shape_[1],
                     c = input_shape_[2], oh = output_shape_[0], ow = output_shape_[1];
  output_.resize(output_shape_.with_front(n));
  sources_.resize(static_cast<std::size_t>(output_.elements()));
  parallel_for(n * oh, 4, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t line = first; line < last; ++line) {
      const float* image = input.floats() + line / oh * h * w * c;
      const Range rows = range(line % oh, h);
      for (std::int64_t x = 0; x < ow; ++x) {
        const Range columns = range(x, w);
        float* best = output_.floats() + (line * ow + x) * c;
        std::int32_t* sources = sources_.data() + (line * ow + x) * c;
        const std::int64_t start = (rows.begin * w + columns.begin) * c;
        std::copy_n(image + start, c, best);
        for (std::int64_t i = 0; i < c; ++i) sources[i] = static_cast<std::int32_t>(start + i);
        for (std::int64_t r = rows.begin; r < rows.end; ++r)
          for (std::int64_t q = columns.begin; q < columns.end; ++q) {
            const std::int64_t at = (r * w + q) * c;
            if (at != start)
              take_larger(image + at, c, static_cast<std::int32_t>(at), best, sources);
          }
      }
    }
  });
  return output_;
}

const Tensor& MaxPool::backward(const Tensor& error, const Pass&) {
  if (error.element() != Element::float32) return backward_codes(error);
  const std::int64_t n = error.shape()[0], image = input_shape_.elements(),
                     pooled = output_shape_.elements();
  passed_.resize(input_shape_.with_front(n));
  parallel_for(n, 1, [&](std::int64_t first, std::int64_t last) {
    std::fill(passed_.floats() + first * image, passed_.floats() + last * image, 0.0f);
    for (std::int64_t i = first; i < last; ++i)
      for (std::int64_t k = i * pooled; k < (i + 1) * pooled; ++k)
        passed_.floats()[i * image + sources_[static_cast<std::size_t>(k)]] += error.floats()[k];
  });
  return passed_;
}

std::unique_ptr<Layer> AveragePool::from(SpecReader& reader) {
  return std::make_unique<AveragePool>(read(reader));
}

void AveragePool::set_flow_formats(const Format& activations, const Format& errors) {
  codes_.set_formats(name(), activations, errors);
}

const Tensor& AveragePool::forward(const Tensor& input, const Pass& pass) {
  input_ = &input;
  if (input.element() != Element::float32) {
    codes_.forward(input, geometry(), outlet_, pass, output_);
    return output_;
  }
  const std::int64_t n = input.shape()[0], h = input_shape_[0], w = input_shape_[1],
                     c = input_shape_[2], oh = output_shape_[0], ow = output_shape_[1];
  output_.resize(output_shape_.with_front(n));
  output_.fill_zero();
  parallel_for(n * oh, 4, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t line = first; line < last; ++line) {
      const float* image = input.floats() + line / oh * h * w * c;
      const Range rows = range(line % oh, h);
      for (std::int64_t x = 0; x < ow; ++x) {
        const Range columns = range(x, w);
        const auto area =
            static_cast<float>((rows.end - rows.begin) * (columns.end - columns.begin));
        for (std::int64_t r = rows.begin; r < rows.end; ++r)
          for (std::int64_t q = columns.begin; q < columns.end; ++q)
            add_row(image + (r * w + q) * c, c, 1.0f / area,
                    output_.floats() + (line * ow + x) * c);
      }
    }
  });
  return output_;
}

const Tensor& AveragePool::backward(const Tensor& error, const Pass& pass) {
  if (input_->element() != Element::float32) {
    codes_.backward(error, *input_, geometry(), error_outlet_, pass, passed_);
    return passed_;
  }
  const std::int64_t n = error.shape()[0], h = input_shape_[0], w = input_shape_[1],
                     c = input_shape_[2], oh = output_shape_[0], ow = output_shape_[1];
  passed_.resize(input_shape_.with_front(n));
  passed_.fill_zero();
  parallel_for(n, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i)
      for (std::int64_t y = 0; y < oh; ++y)
        for (std::int64_t x = 0; x < ow; ++x) {
          const Range rows = range(y, h), columns = range(x, w);
          const auto area =
              static_cast<float>((rows.end - rows.begin) * (columns.end - columns.begin));
          const float* from = error.floats() + ((i * oh + y) * ow + x) * c;
          for (std::int64_t r = rows.begin; r < rows.end; ++r)
            for (std::int64_t q = columns.begin; q < columns.end; ++q)
              add_row(from, c, 1.0f / area, passed_.floats() + ((i * h + r) * w + q) * c);
        }
  });
  return passed_;
}

void AveragePoolingOfCodes::set_formats(const std::string& layer, const Format& activations,
                                        const Format& errors) {
  activations_ = Quantizer(activations, layer + ".activations");
  errors_ = Quantizer(errors, layer + ".errors");
}

std::vector<std::pair<std::string, Tensor*>> AveragePoolingOfCodes::state(
    const std::string& layer) {
  std::vector<std::pair<std::string, Tensor*>> all;
  if (activations_.format().scaling.smooth)
    all.emplace_back(layer + ".activation_range", &activations_.range());
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

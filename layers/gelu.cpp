#include "layers/gelu.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "framework/bfloat16.h"
#include "framework/parallel.h"

namespace octet {
namespace {

constexpr float linear = 1.5957691f, cubic = 0.07135482f;  // 2u = linear x + cubic x^3

// As exponential(x) of framework/exponential.h, without branches; |x| is at most 80.
[[gnu::always_inline]] inline float bounded_exponential(float x) {
  // Adding 1.5 * 2^23 rounds to the nearest whole number n, which is then in the low bits.
  const float shifted = x * 1.44269504f + 12582912.0f;
  const float n = shifted - 12582912.0f;
  const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return p * std::bit_cast<float>((std::bit_cast<std::uint32_t>(shifted) + 127) << 23);
}

// 1 / (1 + e^(-2u)); beyond +-80 it is 1 or 0 as far as float32 can tell.
[[gnu::always_inline]] inline float gate(float x) {
  float twice = x * (linear + cubic * (x * x));
  twice = twice > 80.0f ? 80.0f : twice;
  twice = twice < -80.0f ? -80.0f : twice;
  return 1.0f / (1.0f + bounded_exponential(-twice));
}

template <class T>
[[gnu::always_inline]] inline void forward_loop(const T* x, std::int64_t begin, std::int64_t end,
                                                T* y) {
  for (std::int64_t i = begin; i < end; ++i) {
    const float value = to_float(x[i]);
    y[i] = from_float<T>(value * gate(value));
  }
}

template <class T>
[[gnu::always_inline]] inline void backward_loop(const T* x, const T* error, std::int64_t begin,
                                                 std::int64_t end, T* passed) {
  for (std::int64_t i = begin; i < end; ++i) {
    const float value = to_float(x[i]), s = gate(value);
    const float slope = s + value * (s * (1.0f - s)) * (linear + 3 * cubic * (value * value));
    // Far out value^2 is infinite where s (1 - s) is 0.
    const float bounded = value > 40.0f ? 1.0f : value < -40.0f ? 0.0f : slope;
    passed[i] = from_float<T>(to_float(error[i]) * bounded);
  }
}

OCTET_KERNEL void forward_kernel(const float* x, std::int64_t begin, std::int64_t end, float* y) {
  forward_loop(x, begin, end, y);
}
OCTET_KERNEL void forward_kernel(const std::uint16_t* x, std::int64_t begin, std::int64_t end,
                                 std::uint16_t* y) {
  forward_loop(x, begin, end, y);
}
OCTET_KERNEL void backward_kernel(const float* x, const float* error, std::int64_t begin,
                                  std::int64_t end, float* passed) {
  backward_loop(x, error, begin, end, passed);
}
OCTET_KERNEL void backward_kernel(const std::uint16_t* x, const std::uint16_t* error,
                                  std::int64_t begin, std::int64_t end, std::uint16_t* passed) {
  backward_loop(x, error, begin, end, passed);
}

// Sums of terms this fine still fit the 24 bits that float32 holds: codes and slopes are below 2^8.
constexpr float units = 1 << 14;

OCTET_KERNEL void look_up(const std::uint8_t* x, std::int64_t count, const std::int32_t* table,
                          std::int32_t* sums) {
  for (std::int64_t i = 0; i < count; ++i) sums[i] = table[x[i]];
}

OCTET_KERNEL void multiply_slopes(const std::uint8_t* x, const std::int8_t* error,
                                  std::int64_t count, const std::int32_t* table,
                                  std::int32_t* sums) {
  for (std::int64_t i = 0; i < count; ++i) sums[i] = error[i] * table[x[i]];
}

// body(first element, how many, their sums) for each image: what a product hands out.
template <class Body>
void each_image(const Shape& shape, const products::SumsBody& take, const Body& body) {
  const std::int64_t image = shape.elements() / shape[0];
  parallel_for(shape[0], std::max<std::int64_t>(1, (1 << 14) / image),
               [&](std::int64_t begin, std::int64_t end) {
                 std::vector<std::int32_t> sums(static_cast<std::size_t>(image));
                 for (std::int64_t i = begin; i < end; ++i) {
                   body(i * image, image, sums.data());
                   take(i, 1, sums.data());
                 }
               });
}

}  // namespace

std::unique_ptr<Layer> Gelu::from(SpecReader&) { return std::make_unique<Gelu>(); }

void Gelu::set_flow_formats(const Format& activations, const Format& errors) {
  const bool simulates = simulates_codes(activations);
  simulated_ = SimulatedCodes(simulates ? activations : Format{}, name() + ".activations");
  activations_ = Quantizer(simulates ? Format{} : activations, name() + ".activations");
  errors_ = Quantizer(errors, name() + ".errors");
}

std::vector<std::pair<std::string, Tensor*>> Gelu::state() {
  std::vector<std::pair<std::string, Tensor*>> all;
  if (input_quantizer()->format().scaling.smooth)
    all.emplace_back(name() + ".activation_range", &input_quantizer()->range());
  if (errors_.format().scaling.smooth) all.emplace_back(name() + ".error_range", &errors_.range());
  return all;
}

std::vector<std::uint8_t> Gelu::table(float scale, std::int32_t zero_point, const Edge& output,
                                      bool rectify) {
  float x[256], y[256];
  for (int code = 0; code < 256; ++code) x[code] = scale * static_cast<float>(code - zero_point);
  forward_kernel(x, 0, 256, y);
  std::vector<std::uint8_t> codes(256);
  const float least = rectify ? static_cast<float>(output.zero_point) : 0.0f;
  for (std::size_t code = 0; code < 256; ++code)
    codes[code] = static_cast<std::uint8_t>(
        std::clamp(static_cast<float>(output.zero_point) + std::nearbyint(y[code] / output.scale),
                   least, 255.0f));
  return codes;
}

void Gelu::evaluate_integers(const Tensor& codes) {
  const Edge edge = make_edge(name(), codes.shape().without_front(), *integer_);
  const std::vector<std::uint8_t> entries =
      table(codes.scale(), codes.zero_point, edge, integer_->rectify);
  output_.resize(codes.shape(), Element::uint8);
  output_.scales.assign(1, edge.scale);
  output_.zero_point = edge.zero_point;
  parallel_for(codes.elements(), 1 << 15, [&](std::int64_t begin, std::int64_t end) {
    look_up_codes(entries, codes.data<std::uint8_t>() + begin, end - begin,
                  output_.data<std::uint8_t>() + begin);
  });
}

const Tensor& Gelu::forward_codes(const Tensor& input, const Pass& pass) {
  const float scale = input.scale();
  float x[256], ones[256], y[256], slopes[256];
  for (int byte = 0; byte < 256; ++byte) {
    const int code = input.element() == Element::uint8 || byte < 128 ? byte : byte - 256;
    x[byte] = scale * static_cast<float>(code - input.zero_point);
    ones[byte] = 1;
  }
  forward_kernel(x, 0, 256, y);
  backward_kernel(x, ones, 0, 256, slopes);
  for (std::size_t byte = 0; byte < 256; ++byte) {
    values_[byte] = static_cast<std::int32_t>(std::nearbyint(y[byte] / scale * units));
    slopes_[byte] = static_cast<std::int32_t>(std::nearbyint(slopes[byte] * units));
  }
  const auto* codes = static_cast<const std::uint8_t*>(input.raw());
  const float unit = scale / units;
  emission_.sums(
      outlet_, pass, input.shape(), {&unit, 1}, {}, nullptr,
      [&](const products::SumsBody& take) {
        each_image(input.shape(), take,
                   [&](std::int64_t first, std::int64_t count, std::int32_t* sums) {
                     look_up(codes + first, count, values_.data(), sums);
                   });
      },
      output_);
  return output_;
}

const Tensor& Gelu::backward_codes(const Tensor& error, const Pass& pass) {
  const Tensor* e = &error;
  if (is_real(error.element())) {
    errors_.encode(error, pass, error_codes_);
    e = &error_codes_;
  }
  const auto* codes = static_cast<const std::uint8_t*>(input_->raw());
  const float unit = e->scale() / units;
  emission_.sums(
      error_outlet_, pass, error.shape(), {&unit, 1}, {}, error_outlet_.mask ? input_ : nullptr,
      [&](const products::SumsBody& take) {
        each_image(error.shape(), take,
                   [&](std::int64_t first, std::int64_t count, std::int32_t* sums) {
                     multiply_slopes(codes + first, e->data<std::int8_t>() + first, count,
                                     slopes_.data(), sums);
                   });
      },
      passed_);
  return passed_;
}

const Tensor& Gelu::forward(const Tensor& given, const Pass& pass) {
  const Tensor& input = is_real(given.element()) ? simulated_.forward(given, pass) : given;
  input_ = &input;
  if (!is_real(input.element())) {
    if (!in_integers(pass, *input_quantizer())) return forward_codes(input, pass);
    evaluate_integers(input);
    return output_;
  }
  output_.resize(input.shape(), input.element());
  with_reals(input.element(), [&](auto element) {
    using T = decltype(element);
    parallel_for(input.elements(), 1 << 14, [&](std::int64_t begin, std::int64_t end) {
      forward_kernel(input.data<T>(), begin, end, output_.data<T>());
    });
  });
  return output_;
}

const Tensor& Gelu::backward(const Tensor& error, const Pass& pass) {
  if (!is_real(input_->element())) return backward_codes(error, pass);
  passed_.resize(error.shape(), error.element());
  with_reals(error.element(), [&](auto element) {
    using T = decltype(element);
    parallel_for(error.elements(), 1 << 14, [&](std::int64_t begin, std::int64_t end) {
      backward_kernel(input_->data<T>(), error.data<T>(), begin, end, passed_.data<T>());
    });
  });
  return simulated_.backward(passed_, pass);
}

}  // namespace octet

// The layers without weights.
#include "examples/papers/integer_only_training/niti_layers.h"

#include <algorithm>

#include "framework/check.h"
#include "framework/parallel.h"
#include "framework/random.h"

namespace octet::papers {
namespace {

constexpr std::int64_t grain = 1 << 15;

OCTET_KERNEL void rectify(const std::int8_t* from, std::int64_t count, std::int8_t* to) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = from[i] > 0 ? from[i] : std::int8_t{0};
}

OCTET_KERNEL void where_positive(const std::int8_t* error, const std::int8_t* output,
                                 std::int64_t count, std::int8_t* to) {
  for (std::int64_t i = 0; i < count; ++i) {
    const auto passes = static_cast<std::int8_t>(-(output[i] > 0));  // all bits or none
    to[i] = static_cast<std::int8_t>(error[i] & passes);
  }
}

// The four places of a window are `right` and `below` codes away from each other.
OCTET_KERNEL void pool_channels(const std::int8_t* corner, std::int64_t right, std::int64_t below,
                                std::int64_t channels, std::int8_t* to, std::uint8_t* places) {
  const std::int8_t *const b = corner + right, *const c = corner + below, *const d = c + right;
  for (std::int64_t i = 0; i < channels; ++i) {
    std::int8_t most = corner[i];
    std::uint8_t place = 0;
    place = b[i] > most ? std::uint8_t{1} : place;
    most = std::max(most, b[i]);
    place = c[i] > most ? std::uint8_t{2} : place;
    most = std::max(most, c[i]);
    place = d[i] > most ? std::uint8_t{3} : place;
    to[i] = std::max(most, d[i]);
    places[i] = place;
  }
}

OCTET_KERNEL void unpool_channels(const std::int8_t* error, const std::uint8_t* places,
                                  std::uint8_t place, std::int64_t channels, std::int8_t* to) {
  for (std::int64_t i = 0; i < channels; ++i) {
    const auto here = static_cast<std::int8_t>(-(places[i] == place));
    to[i] = static_cast<std::int8_t>(error[i] & here);
  }
}

void multiply_rows(const Tensor& from, const std::vector<std::int8_t>& mask, Tensor& to) {
  to.resize(from.shape(), Element::int8);
  const auto features = static_cast<std::int64_t>(mask.size());
  const auto* const codes = from.data<std::int8_t>();
  auto* const out = to.data<std::int8_t>();
  for (std::int64_t i = 0; i < from.elements(); i += features)
    for (std::int64_t c = 0; c < features; ++c)
      out[i + c] = static_cast<std::int8_t>(codes[i + c] * mask[static_cast<std::size_t>(c)]);
}

}  // namespace

const NitiTensor& NitiRelu::forward(const NitiTensor& input, const NitiPass&) {
  output_.codes.resize(input.codes.shape(), Element::int8);
  output_.exponent = input.exponent;
  const auto* const from = input.codes.data<std::int8_t>();
  auto* const to = output_.codes.data<std::int8_t>();
  parallel_for(input.codes.elements(), grain, [&](std::int64_t begin, std::int64_t end) {
    rectify(from + begin, end - begin, to + begin);
  });
  return output_;
}

const NitiTensor* NitiRelu::backward(const NitiTensor& error, const NitiPass&, bool) {
  input_error_.codes.resize(output_.codes.shape(), Element::int8);
  input_error_.exponent = error.exponent;
  const auto* const from = error.codes.data<std::int8_t>();
  const auto* const output = output_.codes.data<std::int8_t>();
  auto* const to = input_error_.codes.data<std::int8_t>();
  parallel_for(error.codes.elements(), grain, [&](std::int64_t begin, std::int64_t end) {
    where_positive(from + begin, output + begin, end - begin, to + begin);
  });
  return &input_error_;
}

const NitiTensor& NitiMaxPool::forward(const NitiTensor& input, const NitiPass&) {
  input_ = input.codes.shape();
  check(input_[1] % 2 == 0 && input_[2] % 2 == 0, Failure::usage,
        "a pool of 2 x 2 takes images of even extents, got ", print(input_));
  const std::int64_t h = input_[1] / 2, w = input_[2] / 2, c = input_[3];
  output_.codes.resize({input_[0], h, w, c}, Element::int8);
  output_.exponent = input.exponent;
  places_.resize(static_cast<std::size_t>(output_.codes.elements()));
  const auto* const from = input.codes.data<std::int8_t>();
  auto* const to = output_.codes.data<std::int8_t>();
  parallel_for(input_[0] * h, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t line = begin; line < end; ++line)
      for (std::int64_t x = 0; x < w; ++x) {
        const std::int64_t at = (line * w + x) * c;
        pool_channels(from + (4 * line * w + 2 * x) * c, c, 2 * w * c, c, to + at,
                      places_.data() + at);
      }
  });
  return output_;
}

const NitiTensor* NitiMaxPool::backward(const NitiTensor& error, const NitiPass&, bool) {
  const std::int64_t h = input_[1] / 2, w = input_[2] / 2, c = input_[3];
  input_error_.codes.resize(input_, Element::int8);
  input_error_.exponent = error.exponent;
  const auto* const from = error.codes.data<std::int8_t>();
  auto* const to = input_error_.codes.data<std::int8_t>();
  parallel_for(input_[0] * h, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t line = begin; line < end; ++line)
      for (std::int64_t x = 0; x < w; ++x) {
        const std::int64_t at = (line * w + x) * c, corner = (4 * line * w + 2 * x) * c;
        for (std::uint8_t place = 0; place < 4; ++place)
          unpool_channels(from + at, places_.data() + at, place, c,
                          to + corner + (place / 2 * 2 * w + place % 2) * c);
      }
  });
  return &input_error_;
}

const NitiTensor& NitiDropout::forward(const NitiTensor& input, const NitiPass& pass) {
  if (!pass.training) return input;
  const std::int64_t features = input.codes.elements() / input.codes.shape()[0];
  mask_.resize(static_cast<std::size_t>(features));
  for (std::size_t i = 0; i < mask_.size(); ++i)
    mask_[i] = static_cast<std::int8_t>(
        random_bits(mix(pass.key ^ stream_of("dropout")), static_cast<std::uint32_t>(i)) >> 31);
  multiply_rows(input.codes, mask_, output_.codes);
  output_.exponent = input.exponent + 1;
  return output_;
}

const NitiTensor* NitiDropout::backward(const NitiTensor& error, const NitiPass&, bool) {
  multiply_rows(error.codes, mask_, input_error_.codes);
  input_error_.exponent = error.exponent;
  return &input_error_;
}

}  // namespace octet::papers

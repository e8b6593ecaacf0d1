#include "layers/dropout.h"

#include "framework/bfloat16.h"
#include "framework/parallel.h"
#include "framework/random.h"

namespace octet {
namespace {

template <class T>
OCTET_KERNEL void drop_kernel(const T* from, std::int64_t begin, std::int64_t end,
                              std::uint64_t key, float rate, float scale, T* to) {
  for (std::int64_t i = begin; i < end; ++i)
    to[i] = from_float<T>(
        uniform(key, static_cast<std::uint32_t>(i)) < rate ? 0.0f : scale * to_float(from[i]));
}

}  // namespace

std::unique_ptr<Layer> Dropout::from(SpecReader& reader) {
  return std::make_unique<Dropout>(
      Options{.rate = static_cast<float>(reader.real("rate", 0.0, 0.95, 0.5))});
}

Spec Dropout::spec() const {
  Spec spec{.kind = "dropout"};
  std::string rate = std::to_string(options_.rate);
  while (rate.ends_with('0')) rate.pop_back();
  if (rate.ends_with('.')) rate.pop_back();
  return spec.set("rate", rate);
}

// Backward draws the forward pass's mask again rather than keeping it.
void Dropout::apply(const Tensor& from, const Pass& pass, Tensor& to) const {
  to.resize(from.shape(), from.element());
  to.scales = from.scales;
  const std::uint64_t key = random_key(pass.seed, stream_of(name() + ".dropout"), pass.step);
  const float scale = 1.0f / (1.0f - options_.rate);
  if (!is_real(from.element())) {
    // Codes stay or become that of 0; the factor goes into their scale.
    to.zero_point = from.zero_point;
    const auto zero = static_cast<std::uint8_t>(from.zero_point);
    for (float& value : to.scales) value *= scale;
    const auto* codes = static_cast<const std::uint8_t*>(from.raw());
    auto* const out = static_cast<std::uint8_t*>(to.raw());
    parallel_for(from.elements(), 1 << 14, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        out[i] = uniform(key, static_cast<std::uint32_t>(i)) < options_.rate ? zero : codes[i];
    });
    return;
  }
  with_reals(from.element(), [&](auto element) {
    using T = decltype(element);
    parallel_for(from.elements(), 1 << 14, [&](std::int64_t begin, std::int64_t end) {
      drop_kernel(from.data<T>(), begin, end, key, options_.rate, scale, to.data<T>());
    });
  });
}

const Tensor& Dropout::forward(const Tensor& input, const Pass& pass) {
  if (!pass.training) return input;
  apply(input, pass, output_);
  return output_;
}

const Tensor& Dropout::backward(const Tensor& error, const Pass& pass) {
  apply(error, pass, passed_);
  return passed_;
}

}  // namespace octet

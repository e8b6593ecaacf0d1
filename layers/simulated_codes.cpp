#include "layers/simulated_codes.h"

#include "framework/parallel.h"
#include "layers/flow.h"

namespace octet {
namespace {

OCTET_KERNEL void stop_kernel(const float* reals, const float* error, float least, float most,
                              std::int64_t begin, std::int64_t end, float* passed) {
  for (std::int64_t i = begin; i < end; ++i)
    passed[i] = reals[i] >= least && reals[i] <= most ? error[i] : 0.0f;
}

}  // namespace

void stop_clipped(const Tensor& reals, const Tensor& codes, const Format& format,
                  const Tensor& error, Tensor& passed) {
  if (&error != &passed) passed.resize(error.shape());
  // Of simulated codes what still rounds to the last one is within the range (Jacob 2017); `stop`
  // means the numbers themselves (Wu 2018, Zhou 2016).
  const float margin = format.stop ? 0.0f : 0.5f;
  const auto zero = static_cast<float>(codes.zero_point);
  const float least = codes.scale() * (static_cast<float>(format.grid.least()) - zero - margin);
  const float most = codes.scale() * (static_cast<float>(format.grid.most()) - zero + margin);
  parallel_for(error.elements(), 1 << 15, [&](std::int64_t begin, std::int64_t end) {
    stop_kernel(reals.floats(), error.floats(), least, most, begin, end, passed.floats());
  });
}

bool SimulatedCodes::on() const { return simulates_codes(quantizer_.format()); }

const Tensor& SimulatedCodes::forward(const Tensor& reals, const Pass& pass) {
  reals_ = nullptr;
  if (!on()) return reals;
  quantizer_.encode(reals, pass, codes_);
  if (pass.observes_only) return reals;
  reals_ = &reals;
  decode(codes_, quantized_);
  return quantized_;
}

const Tensor& SimulatedCodes::backward(const Tensor& error, const Pass&) {
  if (!reals_) return error;
  stop_clipped(*reals_, codes_, quantizer_.format(), error, passed_);
  return passed_;
}

}  // namespace octet

#include "layers/activations.h"

#include "framework/parallel.h"
#include "layers/real_kernels.h"

namespace octet {
namespace {

constexpr std::int64_t grain = 1 << 15;

OCTET_KERNEL void relu_codes(const std::int8_t* x, std::int64_t begin, std::int64_t end,
                             std::int8_t* y) {
  for (std::int64_t i = begin; i < end; ++i) y[i] = x[i] < 0 ? std::int8_t{0} : x[i];
}

OCTET_KERNEL void mask_codes(const std::int8_t* y, const std::int8_t* error, std::int64_t begin,
                             std::int64_t end, std::int8_t* passed) {
  for (std::int64_t i = begin; i < end; ++i) passed[i] = y[i] > 0 ? error[i] : std::int8_t{0};
}

}  // namespace

std::unique_ptr<Layer> Relu::from(SpecReader&) { return std::make_unique<Relu>(); }

const Tensor& Relu::forward(const Tensor& input, const Pass&) {
  if (absorbed_) return input;
  if (is_real(input.element())) {
    kernels::finish_outputs(input, nullptr, true, output_);
    return output_;
  }
  output_.resize(input.shape(), input.element());
  output_.scales = input.scales;
  parallel_for(input.elements(), grain, [&](std::int64_t begin, std::int64_t end) {
    relu_codes(input.data<std::int8_t>(), begin, end, output_.data<std::int8_t>());
  });
  return output_;
}

const Tensor& Relu::backward(const Tensor& error, const Pass&) {
  if (absorbed_) return error;
  if (is_real(error.element())) {
    kernels::finish_errors(error, nullptr, &output_, passed_);
    return passed_;
  }
  passed_.resize(error.shape(), error.element());
  passed_.scales = error.scales;
  parallel_for(error.elements(), grain, [&](std::int64_t begin, std::int64_t end) {
    mask_codes(output_.data<std::int8_t>(), error.data<std::int8_t>(), begin, end,
               passed_.data<std::int8_t>());
  });
  return passed_;
}

}  // namespace octet

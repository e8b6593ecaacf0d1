// Batch normalisation of codes: y and the error at the input are, channel by channel, linear in the
// codes that come in, so both are one pass of requantize once the sums are known.
#include <algorithm>
#include <cmath>
#include <mutex>

#include "framework/parallel.h"
#include "layers/batch_norm.h"

namespace octet {
namespace {

std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }

// The scale of channel k of a tensor with one for each, or one for all.
double scale_at(const Tensor& codes, std::int64_t k) {
  return static_cast<double>(codes.scales[codes.scales.size() > 1 ? at(k) : 0]);
}

// A channel's codes reach so many deviations from its mean. Channels behind a pool, and late ones
// that answer to one class, have few large values and most of what they say in these: with 4.5,
// the gradient of airbench's last layer was off by more than its length (octet gradients); rounding
// to codes of 10 / 127 deviations costs a thousandth of the power.
constexpr double reach = 10;

}  // namespace

void BatchNorm::set_flow_formats(const Format& activations, const Format& errors) {
  // Where codes are only simulated the layer is between products and what encodes their values.
  const bool flows = !simulates_codes(activations);
  activations_ = Quantizer(flows ? activations : Format{}, name() + ".activations");
  if (flows && activations.scaling.smooth) activations_.use_channels(channels_);
  errors_ = Quantizer(errors, name() + ".errors");
  for (auto* values : {&factor_, &second_factor_, &offsets_}) values->resize(at(channels_));
  code_mean_.resize(at(channels_));
}

// code_sums_ and code_products_: the sums of e and of e y over all rows.
void BatchNorm::sum_codes(const Tensor& e, const Tensor& y) {
  code_sums_.assign(at(channels_), 0);
  code_products_.assign(at(channels_), 0);
  const std::int64_t rows = y.elements() / channels_, chunk = 1 << 10;
  std::mutex merging;
  parallel_for((rows + chunk - 1) / chunk, 4, [&](std::int64_t begin, std::int64_t end) {
    std::vector<std::int64_t> sums(at(channels_)), products(at(channels_));
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = i * chunk * channels_;
      const std::int64_t count = std::min(chunk, rows - i * chunk);
      const auto add = [&](const auto* a, const auto* b) {
        code_moments(a + first, b + first, count, channels_, sums.data(), products.data());
      };
      if (e.element() == Element::uint8) {
        add(e.data<std::uint8_t>(), y.data<std::uint8_t>());
      } else if (y.element() == Element::uint8) {
        add(e.data<std::int8_t>(), y.data<std::uint8_t>());
      } else {
        add(e.data<std::int8_t>(), y.data<std::int8_t>());
      }
    }
    const std::lock_guard lock(merging);
    for (std::size_t k = 0; k < sums.size(); ++k) {
      code_sums_[k] += sums[k];
      code_products_[k] += products[k];
    }
  });
}

const Tensor& BatchNorm::forward_codes(const Tensor& input, const Pass& pass) {
  input_ = &input;
  const std::int64_t rows = input.elements() / channels_;
  const auto count = static_cast<double>(rows);
  if (pass.training) sum_codes(input, input);
  // Input codes with a scale for each channel are encoded for this layer alone.
  const bool own_ranges = activations_.has_channels() && pass.training &&
                          input.scales.size() == static_cast<std::size_t>(channels_);
  std::vector<float>& reached = second_factor_;
  for (std::int64_t k = 0; k < channels_; ++k) {
    const double scale = scale_at(input, k);
    const auto gamma = static_cast<double>(gamma_.value.floats()[k]);
    const auto beta = static_cast<double>(beta_.value.floats()[k]);
    auto mean = static_cast<double>(running_mean_.floats()[k]);
    auto variance = std::max(0.0, static_cast<double>(running_variance_.floats()[k]));
    if (pass.training) {
      code_mean_[at(k)] = static_cast<double>(code_sums_[at(k)]) / count;
      const double code_variance =
          std::max(0.0, static_cast<double>(code_products_[at(k)]) / count -
                            code_mean_[at(k)] * code_mean_[at(k)]);
      mean = scale * code_mean_[at(k)];
      variance = scale * scale * code_variance;
      follow(running_mean_.floats()[k], mean);
      follow(running_variance_.floats()[k], (rows > 1 ? count / (count - 1) : 1.0) * variance);
      reached[at(k)] = static_cast<float>(std::abs(mean) + reach * std::sqrt(variance));
    }
    const double inverse = 1 / std::sqrt(variance + options_.epsilon);
    inverse_[at(k)] = static_cast<float>(inverse);
    factor_[at(k)] = static_cast<float>(gamma * inverse * scale);
    offsets_[at(k)] = static_cast<float>(beta - gamma * inverse * mean);
  }
  if (own_ranges) activations_.observe(reached);
  emission_.codes(outlet_, pass, {&input, factor_}, {}, offsets_, nullptr, output_);
  return output_;
}

// With codes c of scale q, errors e of scale s and z = q (c - mean), the error at the input is
//   gamma / deviation (s e - sum(s e) / n - z sum(s e z) / (n deviation^2)).
const Tensor& BatchNorm::backward_codes(const Tensor& error, const Pass& pass) {
  const Tensor& input = *input_;
  const Tensor* e = &error;
  if (error.element() == Element::float32) {
    errors_.encode(error, pass, error_codes_);
    e = &error_codes_;
  }
  sum_codes(*e, input);
  const auto rows = static_cast<double>(input.elements() / channels_);
  for (std::int64_t k = 0; k < channels_; ++k) {
    const double scale = scale_at(input, k), error_scale = scale_at(*e, k);
    const auto inverse = static_cast<double>(inverse_[at(k)]);
    const double sum = error_scale * static_cast<double>(code_sums_[at(k)]);
    const double centred = error_scale * scale *
                           (static_cast<double>(code_products_[at(k)]) -
                            code_mean_[at(k)] * static_cast<double>(code_sums_[at(k)]));
    beta_.gradient.floats()[k] = static_cast<float>(sum);
    gamma_.gradient.floats()[k] = static_cast<float>(centred * inverse);
    const double slope = static_cast<double>(gamma_.value.floats()[k]) * inverse;
    const double along = -slope / rows * centred * inverse * inverse * scale;
    factor_[at(k)] = static_cast<float>(slope * error_scale);
    second_factor_[at(k)] = static_cast<float>(along);
    offsets_[at(k)] = static_cast<float>(-slope / rows * sum - along * code_mean_[at(k)]);
  }
  if (!wants_input_error_) {
    passed_.resize({0});
    return passed_;
  }
  emission_.codes(error_outlet_, pass, {e, factor_}, {&input, second_factor_}, offsets_,
                  error_outlet_.mask ? &input : nullptr, passed_);
  return passed_;
}

}  // namespace octet

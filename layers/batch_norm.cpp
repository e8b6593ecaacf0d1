#include "layers/batch_norm.h"

#include <algorithm>
#include <cmath>

#include "framework/check.h"
#include "framework/parallel.h"
#include "framework/text.h"
#include "layers/real_kernels.h"

namespace octet {
namespace {

constexpr BatchNorm::Options usual;

template <class T>
OCTET_KERNEL void moments_kernel(const T* x, std::int64_t rows, std::int64_t width, double* sums,
                                 double* squares) {
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t k = 0; k < width; ++k) {
      const auto value = static_cast<double>(to_float(x[r * width + k]));
      sums[k] += value;
      squares[k] += value * value;
    }
}

template <class T>
OCTET_KERNEL void products_kernel(const T* error, const T* x, std::int64_t rows, std::int64_t width,
                                  double* sums, double* products) {
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t k = 0; k < width; ++k) {
      const auto e = static_cast<double>(to_float(error[r * width + k]));
      sums[k] += e;
      products[k] += e * static_cast<double>(to_float(x[r * width + k]));
    }
}

template <class T, bool adds, bool rectifies>
OCTET_KERNEL void normalize_kernel(const T* x, const T* addend, std::int64_t rows,
                                   std::int64_t width, const float* shift, const float* scale,
                                   const float* constant, T* y) {
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t k = 0; k < width; ++k) {
      const std::int64_t i = r * width + k;
      float value = (to_float(x[i]) - shift[k]) * scale[k] + constant[k];
      if constexpr (adds) value += to_float(addend[i]);
      if constexpr (rectifies) value = kernels::rectified(value);
      y[i] = from_float<T>(value);
    }
}

template <class T>
OCTET_KERNEL void backward_kernel(const T* error, const T* x, std::int64_t rows, std::int64_t width,
                                  const float* shift, const float* scale, const float* slope,
                                  const float* constant, T* passed) {
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t k = 0; k < width; ++k) {
      const std::int64_t i = r * width + k;
      passed[i] = from_float<T>(scale[k] * to_float(error[i]) +
                                (slope[k] * (to_float(x[i]) - shift[k]) + constant[k]));
    }
}

std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }

}  // namespace

std::unique_ptr<Layer> BatchNorm::from(SpecReader& reader) {
  const std::string gamma = reader.word("gamma", "trained");
  check(gamma == "trained" || gamma == "fixed", Failure::usage,
        "gamma: expected trained or fixed, got ", gamma);
  return std::make_unique<BatchNorm>(Options{
      .momentum = reader.real("momentum", 0.0, 1.0, usual.momentum),
      .epsilon = reader.real("epsilon", 1e-12, 1.0, usual.epsilon),
      .trains_gamma = gamma == "trained",
      .beta_rate = reader.real("beta_rate", 0.0, 1e6, usual.beta_rate),
  });
}

Spec BatchNorm::spec() const {
  Spec spec{.kind = "batch_norm"};
  if (options_.momentum != usual.momentum) spec.set("momentum", shortest(options_.momentum));
  if (options_.epsilon != usual.epsilon) spec.set("epsilon", shortest(options_.epsilon));
  if (!options_.trains_gamma) spec.set("gamma", std::string("fixed"));
  if (options_.beta_rate != usual.beta_rate) spec.set("beta_rate", shortest(options_.beta_rate));
  return spec;
}

Shape BatchNorm::connect(const Shape& input) {
  check(input.rank() == 3, Failure::usage, "a batch_norm takes images, got ", octet::print(input));
  channels_ = input[2];
  constexpr std::int64_t width = 128, chunk = 1 << 14;
  group_ = std::max<std::int64_t>(1, width / channels_);
  chunk_ = group_ * std::max<std::int64_t>(32, chunk / (group_ * channels_));
  return input;
}

void BatchNorm::allocate() {
  gamma_.name = name() + ".gamma";
  beta_.name = name() + ".beta";
  for (Parameter* parameter : {&gamma_, &beta_}) {
    parameter->is_weight = false;
    for (Tensor* tensor : {&parameter->value, &parameter->gradient}) {
      tensor->resize({channels_});
      tensor->fill_zero();
    }
  }
  gamma_.rate = options_.trains_gamma ? 1.0f : 0.0f;
  beta_.rate = static_cast<float>(options_.beta_rate);
  running_mean_.resize({channels_});
  running_variance_.resize({channels_});
  running_mean_.fill_zero();
  running_variance_.fill_zero();
  for (auto* sums : {&first_, &second_}) sums->resize(at(channels_));
  for (auto* once : {&mean_, &inverse_}) once->resize(at(channels_));
  for (auto* table : {&shift_, &scale_, &slope_, &constant_}) table->resize(at(group_ * channels_));
}

void BatchNorm::initialize(std::uint64_t) {
  std::fill_n(gamma_.value.floats(), channels_, 1.0f);
  std::fill_n(running_variance_.floats(), channels_, 1.0f);
  beta_.value.fill_zero();
  running_mean_.fill_zero();
}

std::vector<std::pair<std::string, Tensor*>> BatchNorm::state() {
  std::vector<std::pair<std::string, Tensor*>> all = {
      {name() + ".running_mean", &running_mean_},
      {name() + ".running_variance", &running_variance_}};
  if (activations_.format().scaling.smooth)
    all.emplace_back(name() + ".activation_range", &activations_.range());
  if (errors_.format().scaling.smooth) all.emplace_back(name() + ".error_range", &errors_.range());
  return all;
}

// kernel(first row, rows, their width, two rows of sums) adds two sums a column; first_ and second_
// become those of each channel.
template <class Kernel>
void BatchNorm::sum_rows(std::int64_t rows, const Kernel& kernel) {
  const std::int64_t width = group_ * channels_, chunks = (rows + chunk_ - 1) / chunk_;
  parts_.resize(at(chunks * 2 * width));
  parallel_for(chunks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      double* const first = parts_.data() + i * 2 * width;
      double* const second = first + width;
      std::fill_n(first, 2 * width, 0.0);
      const std::int64_t row = i * chunk_, count = std::min(rows - row, chunk_);
      const std::int64_t groups = count / group_, rest = count % group_;
      kernel(row, groups, width, first, second);
      for (std::int64_t k = channels_; k < width; ++k) {
        first[k % channels_] += first[k];
        second[k % channels_] += second[k];
      }
      kernel(row + groups * group_, rest, channels_, first, second);
    }
  });
  std::fill(first_.begin(), first_.end(), 0.0);
  std::fill(second_.begin(), second_.end(), 0.0);
  for (std::int64_t i = 0; i < chunks; ++i)
    for (std::int64_t k = 0; k < channels_; ++k) {
      first_[at(k)] += parts_[at(i * 2 * width + k)];
      second_[at(k)] += parts_[at((i * 2 + 1) * width + k)];
    }
}

// kernel(first row, rows, their width) on all rows, most of them as groups.
template <class Kernel>
void BatchNorm::each_rows(std::int64_t rows, const Kernel& kernel) const {
  const std::int64_t width = group_ * channels_, groups = rows / group_;
  parallel_for(
      groups, std::max<std::int64_t>(1, (1 << 15) / width),
      [&](std::int64_t begin, std::int64_t end) { kernel(begin * group_, end - begin, width); });
  kernel(groups * group_, rows % group_, channels_);
}

// Fills the tables' entries of channel k.
void BatchNorm::spread(std::int64_t k, double shift, double scale, double slope, double constant) {
  for (std::int64_t i = k; i < group_ * channels_; i += channels_) {
    shift_[at(i)] = static_cast<float>(shift);
    scale_[at(i)] = static_cast<float>(scale);
    slope_[at(i)] = static_cast<float>(slope);
    constant_[at(i)] = static_cast<float>(constant);
  }
}

void BatchNorm::follow(float& running, double now) const {
  running = static_cast<float>((1 - share_) * static_cast<double>(running) + share_ * now);
}

// Takes mean and deviation from the batch, and the running ones towards them.
void BatchNorm::normalize_batch(const Tensor& input) {
  const std::int64_t rows = input.elements() / channels_;
  with_reals(input.element(), [&](auto element) {
    const auto* x = input.data<decltype(element)>();
    sum_rows(rows, [&](std::int64_t row, std::int64_t count, std::int64_t width, double* sums,
                       double* squares) {
      moments_kernel(x + row * channels_, count, width, sums, squares);
    });
  });
  const auto count = static_cast<double>(rows);
  const double unbiased = rows > 1 ? count / (count - 1) : 1.0;
  for (std::int64_t k = 0; k < channels_; ++k) {
    const double mean = first_[at(k)] / count;
    // Rounding may leave less than nothing of a constant channel; NaN stays NaN.
    double variance = second_[at(k)] / count - mean * mean;
    if (variance < 0) variance = 0;
    follow(running_mean_.floats()[k], mean);
    follow(running_variance_.floats()[k], unbiased * variance);
    mean_[at(k)] = static_cast<float>(mean);
    inverse_[at(k)] = static_cast<float>(1 / std::sqrt(variance + options_.epsilon));
  }
}

// The same with the running mean and deviation.
void BatchNorm::take_running() {
  for (std::int64_t k = 0; k < channels_; ++k) {
    mean_[at(k)] = running_mean_.floats()[k];
    inverse_[at(k)] = static_cast<float>(
        1 / std::sqrt(static_cast<double>(running_variance_.floats()[k]) + options_.epsilon));
  }
}

void BatchNorm::running_affine(std::vector<double>& factors, std::vector<double>& offsets) const {
  factors.resize(at(channels_));
  offsets.resize(at(channels_));
  for (std::int64_t k = 0; k < channels_; ++k) {
    factors[at(k)] =
        static_cast<double>(gamma_.value.floats()[k]) /
        std::sqrt(static_cast<double>(running_variance_.floats()[k]) + options_.epsilon);
    offsets[at(k)] = static_cast<double>(beta_.value.floats()[k]) -
                     factors[at(k)] * static_cast<double>(running_mean_.floats()[k]);
  }
}

const Tensor& BatchNorm::forward(const Tensor& input, const Pass& pass) {
  share_ = pass.statistics_share > 0 ? pass.statistics_share : options_.momentum;
  if (!is_real(input.element())) return taken_in_ ? input : forward_codes(input, pass);
  frozen_ = pass.frozen_statistics;
  if (pass.training) {
    if (frozen_) {
      take_running();
    } else {
      normalize_batch(input);
    }
  }
  for (std::int64_t k = 0; k < channels_; ++k) {
    const auto gamma = static_cast<double>(gamma_.value.floats()[k]);
    const auto beta = static_cast<double>(beta_.value.floats()[k]);
    if (pass.training) {
      spread(k, static_cast<double>(mean_[at(k)]), gamma * static_cast<double>(inverse_[at(k)]), 0,
             beta);
    } else {
      const auto variance = static_cast<double>(running_variance_.floats()[k]);
      spread(k, static_cast<double>(running_mean_.floats()[k]),
             gamma / std::sqrt(variance + options_.epsilon), 0, beta);
    }
  }
  output_.resize(input.shape(), input.element());
  const Tensor* addend = outlet_.addend;
  with_reals(input.element(), [&](auto element) {
    using T = decltype(element);
    const auto kernel = addend && outlet_.rectify ? normalize_kernel<T, true, true>
                        : addend                  ? normalize_kernel<T, true, false>
                        : outlet_.rectify         ? normalize_kernel<T, false, true>
                                                  : normalize_kernel<T, false, false>;
    each_rows(input.elements() / channels_, [&](std::int64_t row, std::int64_t count,
                                                std::int64_t width) {
      const std::int64_t first = row * channels_;
      kernel(input.data<T>() + first, addend ? addend->data<T>() + first : nullptr, count, width,
             shift_.data(), scale_.data(), constant_.data(), output_.data<T>() + first);
    });
  });
  input_ = &input;
  return output_;
}

// With d = dLoss/dy of n rows and z = x - mean, the error at the input is
//   gamma / deviation (d - sum(d) / n - z sum(d z) / (n deviation^2)).
const Tensor& BatchNorm::backward(const Tensor& error, const Pass& pass) {
  if (!is_real(input_->element())) return backward_codes(error, pass);
  const Tensor& input = *input_;
  const std::int64_t rows = input.elements() / channels_;
  with_reals(input.element(), [&](auto element) {
    using T = decltype(element);
    sum_rows(rows, [&](std::int64_t row, std::int64_t count, std::int64_t width, double* sums,
                       double* products) {
      products_kernel(error.data<T>() + row * channels_, input.data<T>() + row * channels_, count,
                      width, sums, products);
    });
  });
  for (std::int64_t k = 0; k < channels_; ++k) {
    const auto mean = static_cast<double>(mean_[at(k)]);
    const auto inverse = static_cast<double>(inverse_[at(k)]);
    const double sum = first_[at(k)], centred = second_[at(k)] - mean * sum;
    beta_.gradient.floats()[k] = static_cast<float>(sum);
    gamma_.gradient.floats()[k] = static_cast<float>(centred * inverse);
    const double scale = static_cast<double>(gamma_.value.floats()[k]) * inverse;
    // Frozen statistics do not depend on the input.
    const double share = frozen_ ? 0 : scale / static_cast<double>(rows);
    spread(k, mean, scale, -share * centred * inverse * inverse, -share * sum);
  }
  if (!wants_input_error_) {
    passed_.resize({0});
    return passed_;
  }
  passed_.resize(input.shape(), input.element());
  with_reals(input.element(), [&](auto element) {
    using T = decltype(element);
    each_rows(rows, [&](std::int64_t row, std::int64_t count, std::int64_t width) {
      const std::int64_t first = row * channels_;
      backward_kernel(error.data<T>() + first, input.data<T>() + first, count, width, shift_.data(),
                      scale_.data(), slope_.data(), constant_.data(), passed_.data<T>() + first);
    });
  });
  kernels::finish_errors(passed_, error_outlet_.addend, error_outlet_.mask ? &input : nullptr,
                         passed_);
  return passed_;
}

}  // namespace octet

#include "framework/weight_gradient.h"

#include <algorithm>
#include <memory>

#include "framework/check.h"
#include "framework/parallel.h"
#include "framework/weight_gradient/finish.h"
#include "framework/weight_gradient/select.h"

namespace octet::weight_gradient {
namespace {

// Lines of a batch whose positions have no neighbours.
constexpr std::int64_t flat_width = 64;
// Products that are worth a thread.
constexpr std::int64_t thread_products = 1 << 18;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

Problem problem_of(const Tensor& input, const Tensor& error, const Window& window,
                   const Shape& weight, std::int64_t group) {
  const Shape &in = input.shape(), &out = error.shape();
  Problem p{};
  p.window = window;
  p.channels = weight[3];
  p.filters = weight[0] / window.groups;
  p.input_step = in[3];
  p.error_step = out[3];
  p.input = static_cast<const std::uint8_t*>(input.raw());
  p.input_end = p.input + input.elements();
  p.input += group * p.channels;
  p.error = error.data<std::int8_t>();
  p.error_end = p.error + error.elements();
  p.error += group * p.filters;
  p.height = in[1], p.width = in[2];
  p.output_h = out[1], p.output_w = out[2];
  p.lines = out[0] * out[1];
  p.positions = p.lines * out[2];
  p.input_positions = in[0] * in[1] * in[2];
  p.flip = input.element() == Element::int8 ? 0x80 : 0;
  if (window.kernel_h == 1 && window.kernel_w == 1 && window.stride == 1 &&
      p.positions == p.input_positions) {
    p.width = p.output_w = std::min(flat_width, p.positions);
    p.height = p.output_h = p.lines = ceil_div(p.positions, p.width);
  }
  return p;
}

struct Split {
  std::int64_t lines = 1, channels = 1;  // parts
};

// The split whose most loaded thread has the least to do, in cycles. Parts by lines add up their
// sums; parts by channels pack the same errors.
Split split_of(const Problem& p) {
  const double rows = static_cast<double>(p.channels * p.window.kernel_h * p.window.kernel_w);
  const double filters = static_cast<double>(ceil_div(p.filters, 16) * 16);
  const double positions = static_cast<double>(p.positions);
  const auto worth = static_cast<std::int64_t>(rows * filters * positions / thread_products);
  const std::int64_t all = std::clamp<std::int64_t>(worth, 1, threads());
  Split best;
  double least = 0;
  for (std::int64_t channels = 1; channels <= all; ++channels) {
    const std::int64_t lines = std::min(all / channels, p.lines);
    const std::int64_t sixteens = ceil_div(p.channels, 16);
    if (channels > sixteens) break;
    const double share =
        static_cast<double>(ceil_div(p.lines, lines)) / static_cast<double>(p.lines);
    const double channel_share =
        std::min(1.0, static_cast<double>(ceil_div(sixteens, channels) * 16) /
                          static_cast<double>(p.channels));
    const double cycles =
        share * positions * (channel_share * rows * filters / 100 + filters / 8) +
        (lines > 1 ? static_cast<double>(lines + 1) / static_cast<double>(all) * rows * filters
                   : 0);
    if (channels == 1 || cycles < least) {
      least = cycles;
      best = {lines, channels};
    }
  }
  return best;
}

// A share of the channels, in sixteens.
std::pair<std::int64_t, std::int64_t> channel_range(const Problem& p, std::int64_t part,
                                                    std::int64_t parts) {
  const std::int64_t sixteens = ceil_div(p.channels, 16);
  return {std::min(p.channels, sixteens * part / parts * 16),
          std::min(p.channels, sixteens * (part + 1) / parts * 16)};
}

// Parts are kept for their memory.
Part& part_at(std::size_t index) {
  static thread_local std::vector<std::unique_ptr<Part>> parts;
  while (parts.size() <= index) parts.push_back(std::make_unique<Part>());
  return *parts[index];
}

void compute_group(const Problem& p, const Kernel& kernel, const float* scales,
                   std::int64_t scale_step, float* gradient, std::int64_t* error_sums) {
  const Split split = split_of(p);
  const std::int64_t parts = split.lines * split.channels;
  const std::int64_t most_channels = ceil_div(ceil_div(p.channels, 16), split.channels) * 16;
  const Layout layout(p, kernel, std::min(most_channels, p.channels),
                      ceil_div(p.lines, split.lines));
  std::vector<Part*> all;
  for (std::int64_t i = 0; i < parts; ++i) all.push_back(&part_at(static_cast<std::size_t>(i)));
  parallel_for(parts, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t line = i % split.lines;
      const auto [first, last] = channel_range(p, i / split.lines, split.channels);
      all[static_cast<std::size_t>(i)]->run(layout, kernel, p.lines * line / split.lines,
                                            p.lines * (line + 1) / split.lines, first,
                                            last - first);
    }
  });
  std::vector<Result> results;
  for (std::int64_t i = 0; i < split.channels; ++i) {
    Result r{.layout = &layout, .scales = scales, .scale_step = scale_step, .gradient = gradient};
    r.error_sums.resize(static_cast<std::size_t>(layout.vectors * 16));
    for (std::int64_t line = 0; line < split.lines; ++line) {
      const Part* part = all[static_cast<std::size_t>(i * split.lines + line)];
      r.parts.push_back(part);
      for (std::size_t k = 0; k < r.error_sums.size(); ++k)
        r.error_sums[k] += part->error_sums()[k];
    }
    results.push_back(std::move(r));
  }
  if (error_sums) std::copy_n(results[0].error_sums.begin(), p.filters, error_sums);
  parallel_for(ceil_div(p.channels, 16), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = 0; i < split.channels; ++i) {
      const auto [first, last] = channel_range(p, i, split.channels);
      const std::int64_t from = std::max(first, begin * 16), to = std::min(last, end * 16);
      if (from < to) finish(results[static_cast<std::size_t>(i)], from - first, to - first);
    }
  });
}

}  // namespace

void compute_by(const Kernel& kernel, const Tensor& input, const Tensor& error,
                const Window& window, const Shape& weight, const std::vector<float>& scales,
                Tensor& gradient, std::int64_t* error_sums) {
  assert(input.element() == Element::uint8 || input.element() == Element::int8);
  assert(error.shape() == convolution_shape(input.shape(), weight, window));
  assert(scales.size() == 1 || static_cast<std::int64_t>(scales.size()) == weight[0]);
  gradient.resize(weight);
  if (error.elements() == 0) {
    gradient.fill_zero();
    if (error_sums) std::fill_n(error_sums, weight[0], 0);
    return;
  }
  const std::int64_t filters = weight[0] / window.groups;
  const std::int64_t scale_step = scales.size() == 1 ? 0 : 1;
  for (std::int64_t group = 0; group < window.groups; ++group)
    compute_group(problem_of(input, error, window, weight, group), kernel,
                  scales.data() + group * filters * scale_step, scale_step,
                  gradient.floats() + group * gradient.elements() / window.groups,
                  error_sums ? error_sums + group * filters : nullptr);
}

void compute(const Tensor& input, const Tensor& error, const Window& window, const Shape& weight,
             const std::vector<float>& scales, Tensor& gradient, std::int64_t* error_sums) {
  compute_by(selected(), input, error, window, weight, scales, gradient, error_sums);
}

}  // namespace octet::weight_gradient

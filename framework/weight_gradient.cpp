#include "framework/weight_gradient.h"

#include <algorithm>
#include <memory>

#include "framework/arithmetic.h"
#include "framework/check.h"
#include "framework/parallel.h"
#include "framework/profile.h"
#include "framework/weight_gradient/depthwise.h"
#include "framework/weight_gradient/finish.h"
#include "framework/weight_gradient/select.h"

namespace octet::weight_gradient {
namespace {

// Lines of a batch whose positions have no neighbours.
constexpr std::int64_t flat_width = 64;
// Sums that are finished while they are in the cache.
constexpr std::int64_t block_bytes = 128 << 10;
// Products that are worth a thread.
constexpr std::int64_t thread_products = 1 << 18;

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
  p.zero = p.flip ? p.flip : static_cast<std::uint8_t>(input.zero_point);
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
std::vector<std::unique_ptr<Part>>& parts_kept(std::int64_t count) {
  static thread_local std::vector<std::unique_ptr<Part>> parts;
  while (static_cast<std::int64_t>(parts.size()) < count) parts.push_back(std::make_unique<Part>());
  return parts;
}

// One group of channels: what to compute, by what, and where it goes.
struct Group {
  Problem problem;
  const Kernel& kernel;
  const float* scales;
  std::int64_t scale_step;
  float* gradient;
  std::int64_t* error_sums;

  Result result(const Layout& layout, std::vector<const Part*> parts,
                const std::int64_t* sums) const {
    return {&layout, std::move(parts), sums, scales, scale_step, gradient};
  }
};

// Some channels of a problem that is one chunk: a block of filters is finished while its sums are
// in the cache, before the next begins.
std::int64_t channels_at_once(const Group& g, std::int64_t parts) {
  const Window& w = g.problem.window;
  const std::int64_t most = ceil_div(ceil_div(g.problem.channels, 16), parts) * 16;
  const std::int64_t fit = block_bytes / (w.kernel_h * w.kernel_w * g.kernel.block * 64);
  return std::min({most, std::max<std::int64_t>(fit / 16, 1) * 16, g.problem.channels});
}

void compute_in_one_chunk(const Group& g, const Layout& layout, std::int64_t parts,
                          std::int64_t some) {
  const Problem& p = g.problem;
  auto& all = parts_kept(parts);
  parallel_for(parts, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      Part& part = *all[static_cast<std::size_t>(i)];
      const auto [first, last] = channel_range(p, i, parts);
      for (std::int64_t c = first; c < last; c += some) {
        const std::int64_t channels = std::min(some, last - c);
        part.pack(layout, g.kernel, c, channels, c > first);
        for (const Block& block : layout.blocks) {
          part.multiply_block(layout, g.kernel, block);
          finish_block(g.result(layout, {&part}, part.error_sums().data()), block, 0, 0, channels);
        }
      }
    }
  });
  if (g.error_sums) std::copy_n(all[0]->error_sums().begin(), p.filters, g.error_sums);
}

void compute_in_parts(const Group& g, const Split& split) {
  const Problem& p = g.problem;
  const std::int64_t parts = split.lines * split.channels;
  const std::int64_t most_channels = ceil_div(ceil_div(p.channels, 16), split.channels) * 16;
  const Layout layout(p, g.kernel, std::min(most_channels, p.channels),
                      ceil_div(p.lines, split.lines));
  auto& all = parts_kept(parts);
  parallel_for(parts, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t line = i % split.lines;
      const auto [first, last] = channel_range(p, i / split.lines, split.channels);
      all[static_cast<std::size_t>(i)]->run(layout, g.kernel, p.lines * line / split.lines,
                                            p.lines * (line + 1) / split.lines, first,
                                            last - first);
    }
  });
  std::vector<std::int64_t> error_sums(static_cast<std::size_t>(layout.vectors * 16));
  std::vector<Result> results;
  for (std::int64_t i = 0; i < split.channels; ++i) {
    results.push_back(g.result(layout, {}, error_sums.data()));
    for (std::int64_t line = 0; line < split.lines; ++line)
      results.back().parts.push_back(all[static_cast<std::size_t>(i * split.lines + line)].get());
  }
  for (const Part* part : results[0].parts)
    for (std::size_t k = 0; k < error_sums.size(); ++k) error_sums[k] += part->error_sums()[k];
  if (g.error_sums) std::copy_n(error_sums.begin(), p.filters, g.error_sums);
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
  assert(input.zero_point == 0 || input.element() == Element::uint8);
  assert(error.shape() == convolution_shape(input.shape(), weight, window));
  assert(scales.size() == 1 || static_cast<std::int64_t>(scales.size()) == weight[0]);
  check(error.shape()[2] <= int32_positions, Failure::usage,
        "a line of a product of codes is at most ", int32_positions, " positions wide, got ",
        error.shape()[2]);
  gradient.resize(weight);
  if (error.elements() == 0) {
    gradient.fill_zero();
    if (error_sums) std::fill_n(error_sums, weight[0], 0);
    return;
  }
  if (window.groups > 1 && window.groups == input.shape()[3] && window.groups == weight[0])
    return compute_depthwise(input, error, window, scales, gradient, error_sums);
  const std::int64_t filters = weight[0] / window.groups;
  const std::int64_t scale_step = scales.size() == 1 ? 0 : 1;
  const bool few = kernel.for_few_channels && weight[3] < 4;
  for (std::int64_t group = 0; group < window.groups; ++group) {
    const Group g{problem_of(input, error, window, weight, group),
                  few ? *kernel.for_few_channels : kernel,
                  scales.data() + group * filters * scale_step,
                  scale_step,
                  gradient.floats() + group * gradient.elements() / window.groups,
                  error_sums ? error_sums + group * filters : nullptr};
    const Split split = split_of(g.problem);
    const std::int64_t some = channels_at_once(g, split.channels);
    const Layout layout(g.problem, g.kernel, some, g.problem.lines);
    if (split.lines == 1 && layout.chunk_lines == g.problem.lines)
      compute_in_one_chunk(g, layout, split.channels, some);
    else
      compute_in_parts(g, split);
  }
}

void compute(const Tensor& input, const Tensor& error, const Window& window, const Shape& weight,
             const std::vector<float>& scales, Tensor& gradient, std::int64_t* error_sums) {
  const profile::Scope scope(profile::layer(), "weight gradient", "int8 product",
                             2.0 * static_cast<double>(error.elements()) *
                                 static_cast<double>(weight.elements() / weight[0]));
  compute_by(selected(), input, error, window, weight, scales, gradient, error_sums);
}

}  // namespace octet::weight_gradient

#include "quant/integer/execution.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>

#include "framework/code_paths.h"
#include "framework/code_products.h"
#include "framework/parallel.h"
#include "framework/zero_point.h"

namespace octet {
namespace {

using direct_convolution::Part;

// Codes that a block of images may have on both sides of a stage, so that they stay in the cache.
constexpr std::int64_t block_bytes = 384 << 10;
constexpr std::int64_t most_block = 16;
// Weights beyond this would be read from outside the cache for each block of images.
constexpr std::int64_t heavy_bytes = 512 << 10;
// Products below which waking another thread costs more than it brings.
constexpr std::int64_t least_shared_work = 1 << 23;

bool is_product(const Stage& stage) {
  return stage.kind == Stage::Kind::convolution || stage.kind == Stage::Kind::linear;
}

// Images as the kernel sees them: a linear layer's are single pixels.
Shape images_of(const Stage& stage, const Shape& input, std::int64_t count) {
  return stage.kind == Stage::Kind::linear ? Shape{count, 1, 1, input.elements()}
                                           : input.with_front(count);
}

}  // namespace

IntegerExecution::IntegerExecution(const IntegerNetwork& network)
    : edges_(network.edges()), rounding_(network.rounding()), values_(network.edges().size()) {
  for (const Stage& stage : network.stages()) {
    const Edge &in = edges_[stage.input], &out = edges_[stage.output];
    Prepared prepared{.stage = &stage, .input = in.shape, .output = out.shape};
    if (is_product(stage)) {
      prepare_product(prepared, in, out);
    } else if (stage.kind == Stage::Kind::add) {
      prepared.addition.emplace(stage.multipliers, in.zero_point, edges_[stage.addend].zero_point,
                                out.zero_point, stage.rectify, rounding_);
    } else if (stage.kind == Stage::Kind::average_pool) {
      prepared.averaging.emplace(stage.multipliers[0], in.zero_point,
                                 stage.window.kernel_h * stage.window.kernel_w, out.zero_point,
                                 stage.rectify, rounding_);
    }
    prepared_.push_back(std::move(prepared));
  }
}

void IntegerExecution::prepare_product(Prepared& prepared, const Edge& in, const Edge& out) const {
  const Stage& stage = *prepared.stage;
  const Tensor& weights = stage.weights;
  const auto filters = static_cast<std::size_t>(weights.shape()[0]);
  const std::span<const std::int8_t> codes(weights.data<std::int8_t>(),
                                           static_cast<std::size_t>(weights.elements()));
  const std::int64_t largest = largest_sum(codes, stage.bias, in.zero_point);
  prepared.work = out.shape.elements() / static_cast<std::int64_t>(filters) * weights.elements();
  prepared.requantizer.emplace(stage.bias, stage.multipliers, largest, out.zero_point,
                               stage.rectify, rounding_);
  const bool linear = stage.kind == Stage::Kind::linear;
  const Window window = linear ? Window{} : stage.window;
  if (!products::paths().direct || !direct_convolution::fits(window) ||
      !direct_convolution::pays(images_of(stage, in.shape, 1), window))
    return;
  // What the kernel's output stage needs to be exact; scores leave as sums.
  const bool scores = out.element == Element::int32;
  double most = 0;
  for (const Multiplier& m : stage.multipliers)
    most = std::max(most, std::ldexp(static_cast<double>(m.value), -m.shift));
  const bool exact = rounding_ == RequantRounding::half_even && largest < std::int64_t{1} << 29 &&
                     static_cast<double>(largest) * most < 0x1p30;
  if (!scores && !exact) return;
  // The kernel's sums are those of the codes as they are, before the zero point is taken off.
  if (largest_sum(codes, stage.bias, 0) >= std::int64_t{1} << 31) return;
  Direct direct{.window = window, .heavy = weights.elements() > heavy_bytes && linear && !scores};
  Tensor flat;
  if (linear) {
    flat = weights;
    flat.reshape({weights.shape()[0], 1, 1, weights.shape()[1]});
  }
  direct.weights.pack(linear ? flat : weights, Element::uint8);
  const bool padded = window.pad_top + window.pad_bottom + window.pad_left + window.pad_right > 0;
  direct.pads = padded && in.zero_point != 0;
  if (direct.pads) direct.window = products::without_padding(window);
  std::vector<std::int32_t> sums;
  products::filter_sums(weights, sums);
  direct.output = {.bias = std::vector<std::int32_t>((filters + 15) / 16 * 16),
                   .factors = std::vector<double>((filters + 15) / 16 * 16),
                   .zero_point = out.zero_point,
                   .least = stage.rectify ? out.zero_point : 0};
  for (std::size_t k = 0; k < filters; ++k) {
    direct.output.bias[k] = stage.bias[k] - in.zero_point * sums[k];
    direct.output.factors[k] =
        std::ldexp(static_cast<double>(stage.multipliers[k].value), -stage.multipliers[k].shift);
  }
  if (scores) {
    // The kernel gives sums without bias: the requantizer takes it with the zero point's share.
    direct.output.bias.resize(filters);
    prepared.requantizer.emplace(direct.output.bias, stage.multipliers, largest, out.zero_point,
                                 stage.rectify, rounding_);
  }
  prepared.direct = std::move(direct);
}

void IntegerExecution::run_direct(const Prepared& prepared, const Tensor& codes, std::int64_t first,
                                  std::int64_t count, const Part& part) {
  const Stage& stage = *prepared.stage;
  const Direct& direct = *prepared.direct;
  const std::uint8_t* from =
      value(stage.input, codes).data<std::uint8_t>() + first * prepared.input.elements();
  Shape images = images_of(stage, prepared.input, count);
  if (direct.pads) {
    static thread_local std::vector<std::uint8_t> padded;
    const Shape outer = products::padded_shape(images, stage.window);
    padded.resize(static_cast<std::size_t>(outer.elements()));
    products::pad_codes(from, images, stage.window,
                        static_cast<std::uint8_t>(edges_[stage.input].zero_point), padded.data());
    from = padded.data();
    images = outer;
  }
  Tensor& output = values_[stage.output];
  const std::int64_t at = first * prepared.output.elements();
  if (output.element() == Element::uint8) {
    direct_convolution::run_to_codes(direct.weights, direct.output, from, images, direct.window,
                                     part, output.data<std::uint8_t>() + at);
    return;
  }
  static thread_local std::vector<std::int32_t> sums;
  sums.resize(static_cast<std::size_t>(count * prepared.output.elements()));
  direct_convolution::run(direct.weights, from, images, direct.window, sums.data());
  prepared.requantizer->run(sums.data(),
                            count * prepared.output.elements() / prepared.output.back(),
                            output.data<std::int32_t>() + at);
}

// All stages but products without a kernel of our own.
void IntegerExecution::run_images(const Prepared& prepared, const Tensor& codes, std::int64_t first,
                                  std::int64_t count) {
  const Stage& stage = *prepared.stage;
  if (prepared.direct) {
    const Shape images = images_of(stage, prepared.input, count);
    const Part whole{
        0, prepared.direct->weights.blocks(), 0,
        direct_convolution::output_lines(
            prepared.direct->pads ? products::padded_shape(images, stage.window) : images,
            prepared.direct->window)};
    return run_direct(prepared, codes, first, count, whole);
  }
  const std::int64_t before = prepared.input.elements(), after = prepared.output.elements();
  const std::uint8_t* from = value(stage.input, codes).data<std::uint8_t>() + first * before;
  std::uint8_t* to = values_[stage.output].data<std::uint8_t>() + first * after;
  if (prepared.addition) {
    const Tensor& addend = value(stage.addend, codes);
    return prepared.addition->run(from, addend.data<std::uint8_t>() + first * after, count * after,
                                  to);
  }
  if (stage.kind == Stage::Kind::table) return look_up_codes(stage.table, from, count * after, to);
  for (std::int64_t i = 0; i < count; ++i, from += before, to += after) {
    if (stage.kind == Stage::Kind::max_pool) {
      max_pool_codes(from, prepared.input, stage.window.kernel_h, stage.window.stride,
                     prepared.output, to);
      continue;
    }
    static thread_local std::vector<std::int32_t> sums;
    sums.resize(static_cast<std::size_t>(after));
    sum_windows(from, prepared.input, stage.window, prepared.output, sums.data());
    prepared.averaging->run(sums.data(), after, to);
  }
}

// Threads take blocks of images through all of these stages.
void IntegerExecution::run_in_blocks(std::size_t first, std::size_t last, const Tensor& codes) {
  const std::int64_t images = codes.shape()[0];
  std::int64_t bytes = 1;
  for (std::size_t i = first; i < last; ++i)
    bytes = std::max(bytes, prepared_[i].input.elements() + prepared_[i].output.elements());
  const std::int64_t share = (images + threads() - 1) / threads();
  const std::int64_t block =
      std::clamp<std::int64_t>(block_bytes / bytes, 1, std::min(share, most_block));
  const std::int64_t blocks = (images + block - 1) / block;
  // Each thread takes the next block that is left, since a core may be busy with other work too.
  std::atomic<std::int64_t> next{0};
  parallel_for(std::min<std::int64_t>(blocks, threads()), 1, [&](std::int64_t, std::int64_t) {
    for (std::int64_t b = next++; b < blocks; b = next++)
      for (std::size_t i = first; i < last; ++i)
        run_images(prepared_[i], codes, b * block, std::min(block, images - b * block));
  });
}

// What threads can do of a product at the same time: blocks of filters, or lines where there are
// few blocks; the whole where it is not worth it.
std::vector<Part> IntegerExecution::parts_of(const Prepared& prepared, std::int64_t images) const {
  const Shape shape = images_of(*prepared.stage, prepared.input, images);
  const Direct& direct = *prepared.direct;
  const std::int64_t blocks = direct.weights.blocks();
  const std::int64_t lines = direct_convolution::output_lines(
      direct.pads ? products::padded_shape(shape, prepared.stage->window) : shape, direct.window);
  const std::int64_t wanted = prepared.work * images < least_shared_work ||
                                      edges_[prepared.stage->output].element == Element::int32
                                  ? 1
                                  : 4 * threads();
  const std::int64_t by_blocks = std::min(blocks, wanted);
  const std::int64_t by_lines = std::clamp<std::int64_t>(wanted / by_blocks, 1, lines);
  std::vector<Part> parts;
  for (std::int64_t b = 0; b < by_blocks; ++b)
    for (std::int64_t y = 0; y < by_lines; ++y)
      parts.push_back({blocks * b / by_blocks, blocks * (b + 1) / by_blocks, lines * y / by_lines,
                       lines * (y + 1) / by_lines});
  return parts;
}

// Plans the parts of every stage, which stay for the calls that follow.
void IntegerExecution::divide(std::int64_t images) {
  if (divided_images_ == images && divided_threads_ == threads()) return;
  divided_images_ = images;
  divided_threads_ = threads();
  shared_ = std::vector<Shared>(prepared_.size());
  for (std::size_t i = 0; i < prepared_.size(); ++i)
    shared_[i].parts = prepared_[i].direct ? parts_of(prepared_[i], images) : std::vector<Part>(1);
}

// Stages with fewer images than threads, or large weights: threads take parts of each. They meet
// after a stage by counting what is done, not who came, so a thread that is late holds nobody up.
void IntegerExecution::run_divided(std::size_t first, std::size_t last, const Tensor& codes) {
  const std::int64_t images = codes.shape()[0];
  divide(images);
  bool divided = false;
  for (std::size_t i = first; i < last; ++i) {
    shared_[i].next = shared_[i].done = 0;
    divided = divided || shared_[i].parts.size() > 1;
  }
  parallel_for(divided ? threads() : 1, 1, [&](std::int64_t, std::int64_t) {
    for (std::size_t i = first; i < last; ++i) {
      Shared& shared = shared_[i];
      const auto count = static_cast<std::int64_t>(shared.parts.size());
      for (std::int64_t n = shared.next++; n < count; n = shared.next++) {
        if (prepared_[i].direct) {
          run_direct(prepared_[i], codes, 0, images, shared.parts[static_cast<std::size_t>(n)]);
        } else {
          run_images(prepared_[i], codes, 0, images);
        }
        ++shared.done;
      }
      for (int spins = 0; shared.done < count; ++spins)
        if (spins > 1000) std::this_thread::yield();
    }
  });
}

// A product without a kernel of our own.
void IntegerExecution::run_for_all(const Prepared& prepared, const Tensor& codes) {
  const Stage& stage = *prepared.stage;
  const Tensor& input = value(stage.input, codes);
  Tensor& output = values_[stage.output];
  const std::int64_t image = prepared.output.elements();
  const auto take = [&](std::int64_t first, std::int64_t count, const std::int32_t* sums) {
    const std::int64_t rows = count * image / prepared.output.back();
    if (output.element() == Element::int32) {
      prepared.requantizer->run(sums, rows, output.data<std::int32_t>() + first * image);
    } else {
      prepared.requantizer->run(sums, rows, output.data<std::uint8_t>() + first * image);
    }
  };
  if (stage.kind == Stage::Kind::convolution)
    return products::convolution_sums(input, stage.weights, stage.window, take);
  rows_ = input;
  rows_.reshape({input.shape()[0], prepared.input.elements()});
  products::matmul_sums(rows_, stage.weights, true, take);
}

void IntegerExecution::run_stages(std::size_t first, std::size_t last, const Tensor& codes) {
  const std::int64_t images = codes.shape()[0];
  for (std::size_t i = first; i < last; ++i) {
    const Edge& edge = edges_[prepared_[i].stage->output];
    Tensor& output = values_[prepared_[i].stage->output];
    output.resize(edge.shape.with_front(images), edge.element);
    output.scales.assign(1, edge.scale);
    output.zero_point = edge.zero_point;
  }
  while (first < last) {
    const Prepared& prepared = prepared_[first];
    if (prepared.requantizer && !prepared.direct) {
      run_for_all(prepared, codes);
      ++first;
    } else if (images < threads() || !prepared.goes_by_images()) {
      std::size_t end = first + 1;
      while (images < threads() && end < last && prepared_[end].is_own()) ++end;
      run_divided(first, end, codes);
      first = end;
    } else {
      std::size_t end = first + 1;
      while (end < last && prepared_[end].goes_by_images()) ++end;
      run_in_blocks(first, end, codes);
      first = end;
    }
  }
}

const Tensor& IntegerExecution::run(const Tensor& codes) {
  run_stages(0, prepared_.size(), codes);
  return values_[prepared_.back().stage->output];
}

Tensor IntegerExecution::run_watched(const Tensor& codes, const IntegerNetwork::Watch& watch) {
  for (std::size_t i = 0; i < prepared_.size(); ++i) {
    run_stages(i, i + 1, codes);
    watch(i, values_[prepared_[i].stage->output]);
  }
  return values_[prepared_.back().stage->output];
}

}  // namespace octet

#include "quant/integer/integer_network.h"

#include <algorithm>
#include <cmath>

#include "framework/check.h"
#include "framework/parallel.h"
#include "quant/integer/addition.h"
#include "quant/integer/execution.h"
#include "quant/integer/pooling_of_codes.h"
#include "quant/numbers/encode_kernels.h"

namespace octet {
namespace {

bool is_product(const Stage& stage) {
  return stage.kind == Stage::Kind::convolution || stage.kind == Stage::Kind::linear;
}

std::span<const std::int8_t> codes_of(const Tensor& weights) {
  return {weights.data<std::int8_t>(), static_cast<std::size_t>(weights.elements())};
}

// What a stage must hold, so that its loops need not look.
void check_stage(const Stage& stage, const std::vector<Edge>& edges,
                 const std::vector<bool>& made) {
  const auto expect = [&](bool holds, const auto&... parts) {
    check(holds, Failure::usage, "stage ", stage.name, ": ", parts...);
  };
  expect(stage.input < edges.size() && stage.output < edges.size() && stage.addend < edges.size(),
         "an edge that the network does not have");
  const Edge &in = edges[stage.input], &out = edges[stage.output];
  expect(made[stage.input] && (stage.kind != Stage::Kind::add || made[stage.addend]),
         "an input that no stage before it makes");
  expect(!made[stage.output], "an output that another stage makes");
  expect(in.element == Element::uint8, "an input that is not unsigned codes");
  expect(out.element == Element::uint8 || is_product(stage), "scores that no product makes");
  expect(in.zero_point >= 0 && in.zero_point <= 255 && out.zero_point >= 0 && out.zero_point <= 255,
         "a zero point that is not a code");
  const auto multipliers = static_cast<std::int64_t>(stage.multipliers.size());
  for (const Multiplier& m : stage.multipliers)
    expect(m.value >= 0 && m.shift >= 0 && m.shift <= 62, "a multiplier of ", m.value, " / 2^",
           m.shift);
  const Window& w = stage.window;
  const auto pooled = [&](bool ceil_mode) {
    return Shape{pool_extent(in.shape[0], w.kernel_h, w.stride, ceil_mode),
                 pool_extent(in.shape[1], w.kernel_h, w.stride, ceil_mode), in.shape[2]};
  };
  expect(!is_product(stage) || (stage.weights.element() == Element::int8 && !stage.weights.empty()),
         "weights that are not codes of int8");
  switch (stage.kind) {
    case Stage::Kind::convolution: {
      const Shape& s = stage.weights.shape();
      expect(s.rank() == 4 && w.groups > 0 && s[3] * w.groups == in.shape[2] &&
                 s[0] % w.groups == 0 && s[1] == w.kernel_h && s[2] == w.kernel_w,
             "weights of ", print(s), " do not fit an input of ", print(in.shape));
      expect(convolution_shape(in.shape.with_front(1), s, w).without_front() == out.shape,
             "an output that is not ", print(out.shape));
      break;
    }
    case Stage::Kind::linear: {
      const Shape& s = stage.weights.shape();
      expect(s.rank() == 2 && s[1] == in.shape.elements() && s[0] == out.shape.elements(),
             "weights of ", print(s), " do not fit an input of ", print(in.shape));
      break;
    }
    case Stage::Kind::add:
      expect(in.shape == out.shape && edges[stage.addend].shape == out.shape &&
                 edges[stage.addend].element == Element::uint8 && multipliers == 2 &&
                 stage.multipliers[0].shift == stage.multipliers[1].shift &&
                 stage.multipliers[0].shift >= 1 && stage.multipliers[0].shift <= 24 &&
                 std::max(stage.multipliers[0].value, stage.multipliers[1].value) < 1 << 22,
             "operands or multipliers that do not fit");
      break;
    case Stage::Kind::max_pool:
      expect(in.scale == out.scale && in.zero_point == out.zero_point,
             "a maximum whose codes would change their scale");
      expect(w.kernel_h >= 1 && w.kernel_w == w.kernel_h && w.stride >= 1 &&
                 w.kernel_h <= std::min(in.shape[0], in.shape[1]) &&
                 (out.shape == pooled(true) || out.shape == pooled(false)),
             "windows that do not lie within ", print(in.shape));
      break;
    case Stage::Kind::average_pool:
      expect(multipliers == 1 && in.shape[2] == out.shape[2] && w.kernel_h >= 1 &&
                 w.kernel_w >= 1 && w.stride >= 1 &&
                 (out.shape[0] - 1) * w.stride + w.kernel_h <= in.shape[0] &&
                 (out.shape[1] - 1) * w.stride + w.kernel_w <= in.shape[1],
             "windows that do not lie within ", print(in.shape));
      break;
    case Stage::Kind::table:
      expect(stage.table.size() == 256 && in.shape == out.shape,
             "a table that is not of 256 codes, or another shape");
      break;
  }
  if (!is_product(stage)) return;
  const std::int64_t filters = stage.weights.shape()[0];
  expect(static_cast<std::int64_t>(stage.bias.size()) == filters && multipliers == filters &&
             static_cast<std::int64_t>(stage.weights.scales.size()) == filters,
         "expected a bias, a multiplier and a scale for each of ", filters, " filters");
  expect(largest_sum(codes_of(stage.weights), stage.bias, in.zero_point) < std::int64_t{1} << 31,
         "sums that int32 may not hold");
}

// One output of a convolution, over the whole window.
std::int32_t sum_at(const Stage& stage, const Edge& in, const std::uint8_t* image, std::int64_t k,
                    std::int64_t oh, std::int64_t ow) {
  const Window& w = stage.window;
  const std::int64_t depth = stage.weights.shape()[3];
  const std::int64_t first = k / (stage.weights.shape()[0] / w.groups) * depth;
  const std::int8_t* weights =
      stage.weights.data<std::int8_t>() + k * w.kernel_h * w.kernel_w * depth;
  std::int32_t sum = 0;
  for (std::int64_t kh = 0; kh < w.kernel_h; ++kh)
    for (std::int64_t kw = 0; kw < w.kernel_w; ++kw, weights += depth) {
      const std::int64_t h = oh * w.stride + kh - w.pad_top, x = ow * w.stride + kw - w.pad_left;
      if (h < 0 || h >= in.shape[0] || x < 0 || x >= in.shape[1]) continue;
      const std::uint8_t* codes = image + (h * in.shape[1] + x) * in.shape[2] + first;
      for (std::int64_t c = 0; c < depth; ++c) sum += weights[c] * (codes[c] - in.zero_point);
    }
  return sum;
}

std::int32_t sum_of(const Stage& stage, const Edge& in, const std::uint8_t* image, std::int64_t k) {
  const std::int64_t depth = stage.weights.shape()[1];
  const std::int8_t* weights = stage.weights.data<std::int8_t>() + k * depth;
  std::int32_t sum = 0;
  for (std::int64_t c = 0; c < depth; ++c) sum += weights[c] * (image[c] - in.zero_point);
  return sum;
}

}  // namespace

std::string_view print(Stage::Kind kind) {
  switch (kind) {
    case Stage::Kind::convolution:
      return "convolution";
    case Stage::Kind::linear:
      return "linear";
    case Stage::Kind::add:
      return "add";
    case Stage::Kind::max_pool:
      return "max_pool";
    case Stage::Kind::average_pool:
      return "average_pool";
    case Stage::Kind::table:
      break;
  }
  return "table";
}

void look_up_codes(const std::vector<std::uint8_t>& table, const std::uint8_t* codes,
                   std::int64_t count, std::uint8_t* to) {
  const std::uint8_t* const entries = table.data();
  for (std::int64_t i = 0; i < count; ++i) to[i] = entries[codes[i]];
}

IntegerNetwork::IntegerNetwork(std::string name, std::vector<Edge> edges, std::vector<Stage> stages,
                               RequantRounding rounding)
    : name_(std::move(name)),
      edges_(std::move(edges)),
      stages_(std::move(stages)),
      rounding_(rounding) {
  check(!edges_.empty() && !stages_.empty(), Failure::usage, "network ", name_, " has no stages");
  for (const Edge& edge : edges_)
    check(edge.shape.rank() == 3 && std::isfinite(edge.scale) && edge.scale > 0, Failure::usage,
          "edge ", edge.name, ": expected images and a positive scale");
  std::vector<bool> made(edges_.size(), false);
  made[0] = true;
  for (const Stage& stage : stages_) {
    check_stage(stage, edges_, made);
    made[stage.output] = true;
  }
  check(output().element == Element::int32, Failure::usage, "network ", name_,
        ": the last stage makes no scores");
}

// An execution knows where its network's stages lie; it is made anew where they have moved to.
IntegerNetwork::IntegerNetwork(IntegerNetwork&& other) noexcept { *this = std::move(other); }

IntegerNetwork& IntegerNetwork::operator=(IntegerNetwork&& other) noexcept {
  name_ = std::move(other.name_);
  edges_ = std::move(other.edges_);
  stages_ = std::move(other.stages_);
  rounding_ = other.rounding_;
  execution_.reset();
  other.execution_.reset();
  return *this;
}

IntegerNetwork::IntegerNetwork() = default;
IntegerNetwork::~IntegerNetwork() = default;

std::int64_t IntegerNetwork::bytes() const {
  std::int64_t bytes = 0;
  for (const Stage& stage : stages_)
    bytes += static_cast<std::int64_t>(stage.weights.bytes() + 4 * stage.bias.size() +
                                       5 * stage.multipliers.size() + stage.table.size());
  return bytes;
}

void IntegerNetwork::encode(const Tensor& images, Tensor& codes) const {
  codes.resize(images.shape(), Element::uint8);
  codes.scales.assign(1, input().scale);
  codes.zero_point = input().zero_point;
  const kernels::Encoding how{.scale = input().scale,
                              .zero_point = static_cast<float>(input().zero_point),
                              .least = 0,
                              .most = 255};
  parallel_for(images.elements(), 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    kernels::encode(images.floats() + begin, begin, end - begin, how,
                    codes.data<std::uint8_t>() + begin);
  });
}

namespace {

// The loops that define a stage, on one image.
void run_plain_stage(const Stage& stage, const std::vector<Edge>& edges, RequantRounding rounding,
                     const std::uint8_t* image, const std::uint8_t* addend, std::uint8_t* codes,
                     std::int32_t* scores) {
  const Edge &in = edges[stage.input], &out = edges[stage.output];
  const std::int64_t count = out.shape.elements();
  const std::int32_t least = stage.rectify ? out.zero_point : 0;
  switch (stage.kind) {
    case Stage::Kind::convolution:
    case Stage::Kind::linear:
      for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t filters = stage.weights.shape()[0], k = i % filters,
                           position = i / filters;
        const std::int32_t sum =
            stage.kind == Stage::Kind::linear
                ? sum_of(stage, in, image, k)
                : sum_at(stage, in, image, k, position / out.shape[1], position % out.shape[1]);
        const auto at = static_cast<std::size_t>(k);
        const std::int32_t value = multiply(sum + stage.bias[at], stage.multipliers[at], rounding);
        if (scores) {
          scores[i] = value;
        } else {
          codes[i] = static_cast<std::uint8_t>(
              std::clamp<std::int64_t>(std::int64_t{out.zero_point} + value, least, 255));
        }
      }
      return;
    case Stage::Kind::add:
      return Addition(stage.multipliers, in.zero_point, edges[stage.addend].zero_point,
                      out.zero_point, stage.rectify, rounding)
          .run_plain(image, addend, count, codes);
    case Stage::Kind::max_pool:
      return max_pool_codes(image, in.shape, stage.window.kernel_h, stage.window.stride, out.shape,
                            codes);
    case Stage::Kind::average_pool: {
      std::vector<std::int32_t> sums(static_cast<std::size_t>(count));
      sum_windows(image, in.shape, stage.window, out.shape, sums.data());
      return Averaging(stage.multipliers[0], in.zero_point,
                       stage.window.kernel_h * stage.window.kernel_w, out.zero_point, stage.rectify,
                       rounding)
          .run(sums.data(), count, codes);
    }
    case Stage::Kind::table:
      return look_up_codes(stage.table, image, count, codes);
  }
}

}  // namespace

void IntegerNetwork::check_input(const Tensor& codes) const {
  check(codes.element() == Element::uint8 && codes.shape().rank() == 4 && codes.shape()[0] >= 1 &&
            codes.shape().without_front() == input().shape,
        Failure::usage, "network ", name_, ": expected unsigned codes of images ",
        octet::print(input().shape), ", got ", octet::print(codes.shape()), " ",
        name_of(codes.element()));
}

Tensor IntegerNetwork::run_plain(const Tensor& codes, const Watch& watch) const {
  check_input(codes);
  const std::int64_t images = codes.shape()[0];
  std::vector<Tensor> values(edges_.size());
  values[0] = codes;
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    const Stage& stage = stages_[i];
    Tensor& output = values[stage.output];
    const Edge& edge = edges_[stage.output];
    output.resize(edge.shape.with_front(images), edge.element);
    output.scales.assign(1, edge.scale);
    output.zero_point = edge.zero_point;
    const bool scores = edge.element == Element::int32;
    const auto at = [](Tensor& tensor, std::int64_t image) {
      return tensor.data<std::uint8_t>() + image * tensor.elements() / tensor.shape()[0];
    };
    parallel_for(images, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = begin; n < end; ++n)
        run_plain_stage(stage, edges_, rounding_, at(values[stage.input], n),
                        stage.kind == Stage::Kind::add ? at(values[stage.addend], n) : nullptr,
                        scores ? nullptr : at(output, n),
                        scores ? output.data<std::int32_t>() + n * edge.shape.elements() : nullptr);
    });
    if (watch) watch(i, output);
  }
  return values[stages_.back().output];
}

const Tensor& IntegerNetwork::run(const Tensor& codes) {
  check_input(codes);
  if (!execution_) execution_ = std::make_unique<IntegerExecution>(*this);
  return execution_->run(codes);
}

Tensor IntegerNetwork::run_watched(const Tensor& codes, const Watch& watch) {
  check_input(codes);
  if (!execution_) execution_ = std::make_unique<IntegerExecution>(*this);
  return execution_->run_watched(codes, watch);
}

}  // namespace octet

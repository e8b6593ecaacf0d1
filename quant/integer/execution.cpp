#include "quant/integer/execution.h"

#include "framework/code_products.h"
#include "framework/parallel.h"
#include "quant/integer/addition.h"
#include "quant/integer/pooling_of_codes.h"

namespace octet {
namespace {

bool is_product(const Stage& stage) {
  return stage.kind == Stage::Kind::convolution || stage.kind == Stage::Kind::linear;
}

}  // namespace

IntegerExecution::IntegerExecution(const IntegerNetwork& network)
    : edges_(network.edges()),
      stages_(network.stages()),
      rounding_(network.rounding()),
      values_(network.edges().size()) {
  for (const Stage& stage : stages_) {
    const Edge &in = edges_[stage.input], &out = edges_[stage.output];
    std::int64_t largest = 0;
    if (is_product(stage))
      largest = largest_sum({stage.weights.data<std::int8_t>(),
                             static_cast<std::size_t>(stage.weights.elements())},
                            stage.bias, in.zero_point);
    const std::vector<std::int32_t> idle{0};
    const std::vector<Multiplier> none(1);
    const bool product = is_product(stage);
    requantizers_.emplace_back(product ? stage.bias : idle, product ? stage.multipliers : none,
                               largest, out.zero_point, stage.rectify, rounding_);
  }
}

void IntegerExecution::run_stage(std::size_t number, const Tensor& codes) {
  const Stage& stage = stages_[number];
  const Tensor& input = value(stage.input, codes);
  const Edge& edge = edges_[stage.output];
  const std::int64_t images = input.shape()[0], image = edge.shape.elements(),
                     before = edges_[stage.input].shape.elements();
  Tensor& output = values_[stage.output];
  output.resize(edge.shape.with_front(images), edge.element);
  output.scales.assign(1, edge.scale);
  output.zero_point = edge.zero_point;
  const Requantizer& requantizer = requantizers_[number];
  const auto take = [&](std::int64_t first, std::int64_t count, const std::int32_t* sums) {
    const std::int64_t rows = count * image / edge.shape[2];
    if (edge.element == Element::int32) {
      requantizer.run(sums, rows, output.data<std::int32_t>() + first * image);
    } else {
      requantizer.run(sums, rows, output.data<std::uint8_t>() + first * image);
    }
  };
  const auto each_image = [&](const auto& body) {
    parallel_for(images, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = begin; n < end; ++n)
        body(n, input.data<std::uint8_t>() + n * before, output.data<std::uint8_t>() + n * image);
    });
  };
  switch (stage.kind) {
    case Stage::Kind::convolution:
      return products::convolution_sums(input, stage.weights, stage.window, take);
    case Stage::Kind::linear: {
      Tensor rows = input;
      rows.reshape({images, before});
      return products::matmul_sums(rows, stage.weights, true, take);
    }
    case Stage::Kind::add: {
      const Addition addition(stage.multipliers, input.zero_point,
                              edges_[stage.addend].zero_point, edge.zero_point, stage.rectify,
                              rounding_);
      const Tensor& addend = value(stage.addend, codes);
      return each_image([&](std::int64_t n, const std::uint8_t* from, std::uint8_t* to) {
        addition.run(from, addend.data<std::uint8_t>() + n * image, image, to);
      });
    }
    case Stage::Kind::max_pool:
      return each_image([&](std::int64_t, const std::uint8_t* from, std::uint8_t* to) {
        max_pool_codes(from, edges_[stage.input].shape, stage.window.kernel_h, stage.window.stride,
                       edge.shape, to);
      });
    case Stage::Kind::average_pool: {
      const Averaging averaging(stage.multipliers[0], input.zero_point,
                                stage.window.kernel_h * stage.window.kernel_w, edge.zero_point,
                                stage.rectify, rounding_);
      return each_image([&](std::int64_t, const std::uint8_t* from, std::uint8_t* to) {
        static thread_local std::vector<std::int32_t> sums;
        sums.resize(static_cast<std::size_t>(image));
        sum_windows(from, edges_[stage.input].shape, stage.window, edge.shape, sums.data());
        averaging.run(sums.data(), image, to);
      });
    }
  }
}

const Tensor& IntegerExecution::run(const Tensor& codes) {
  for (std::size_t i = 0; i < stages_.size(); ++i) run_stage(i, codes);
  return values_[stages_.back().output];
}

Tensor IntegerExecution::run_watched(const Tensor& codes, const IntegerNetwork::Watch& watch) {
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    run_stage(i, codes);
    watch(i, values_[stages_[i].output]);
  }
  return values_[stages_.back().output];
}

}  // namespace octet

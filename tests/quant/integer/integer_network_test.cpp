#include "quant/integer/integer_network.h"

#include <algorithm>

#include "framework/check.h"
#include "framework/code_paths.h"
#include "framework/parallel.h"
#include "quant/integer/fused_product.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

namespace {

// A network of every kind of stage, by hand: zero points everywhere, padding, strides, groups, a
// block, windows that overlap and are cut off.
class Parts {
 public:
  explicit Parts(RequantRounding rounding) : rounding_(rounding) {
    edges.push_back({.name = "input", .shape = {9, 8, 3}, .scale = 0.02f, .zero_point = 120});
  }

  std::size_t product(std::size_t from, const Shape& weight, const Window& window, Edge edge,
                      bool rectify) {
    const bool linear = weight.rank() == 2;
    edge.shape =
        linear ? Shape{1, 1, weight[0]}
               : convolution_shape(edges[from].shape.with_front(1), weight, window).without_front();
    Tensor weights = random_codes(weight, 10 + edges.size());
    weights.scales.assign(static_cast<std::size_t>(weight[0]), 0.01f);
    std::vector<double> factors, offsets;
    for (std::int64_t k = 0; k < weight[0]; ++k) {
      factors.push_back(k % 3 == 1 ? -0.3 : 0.5 + 0.01 * static_cast<double>(k));
      offsets.push_back(0.1 * static_cast<double>(k % 5) - 0.2);
    }
    Stage stage{.kind = linear ? Stage::Kind::linear : Stage::Kind::convolution,
                .input = from,
                .rectify = rectify,
                .window = window};
    put_into(fuse(weights, factors, offsets, edges[from].scale, edge, rounding_), stage);
    return add(std::move(stage), std::move(edge));
  }

  std::size_t add(Stage stage, Edge edge) {
    stage.name = edge.name = "stage" + std::to_string(stages.size());
    stage.output = edges.size();
    stages.push_back(std::move(stage));
    edges.push_back(std::move(edge));
    return edges.size() - 1;
  }

  std::size_t pool(std::size_t from, Stage::Kind kind, std::int64_t size, std::int64_t stride,
                   Shape shape, Edge edge) {
    edge.shape = shape;
    Stage stage{.kind = kind,
                .input = from,
                .window = {.kernel_h = size, .kernel_w = size, .stride = stride}};
    if (kind == Stage::Kind::average_pool)
      stage.multipliers = {multiplier_of(
          static_cast<double>(edges[from].scale / edge.scale) / static_cast<double>(size * size),
          rounding_)};
    return add(std::move(stage), std::move(edge));
  }

  std::vector<Edge> edges;
  std::vector<Stage> stages;

 private:
  RequantRounding rounding_;
};

Parts all_kinds(RequantRounding rounding) {
  Parts parts(rounding);
  const Window same{3, 3, 1, 1, 1, 1, 1, 1};
  const std::size_t first = parts.product(0, {20, 3, 3, 3}, same, {.scale = 0.3f}, true);
  const std::size_t main = parts.product(first, {20, 3, 3, 5}, {3, 3, 1, 1, 1, 1, 1, 4},
                                         {.scale = 0.4f, .zero_point = 90}, false);
  const std::size_t other =
      parts.product(first, {20, 1, 1, 20}, {}, {.scale = 0.5f, .zero_point = 130}, false);
  Edge sum{.shape = parts.edges[main].shape, .scale = 0.45f, .zero_point = 17};
  Stage add{.kind = Stage::Kind::add, .input = main, .addend = other, .rectify = false};
  add.multipliers = {{1 << 20, 20}, {(1 << 20) + 12345, 20}};
  const std::size_t block = parts.add(add, sum);
  const std::size_t strided = parts.product(block, {70, 3, 3, 20}, {3, 3, 2, 1, 1, 1, 1, 1},
                                            {.scale = 0.6f, .zero_point = 40}, true);  // 5 x 4
  const std::size_t pooled =
      parts.pool(strided, Stage::Kind::max_pool, 3, 2, {2, 2, 70}, parts.edges[strided]);
  const std::size_t mean = parts.pool(pooled, Stage::Kind::average_pool, 2, 1, {1, 1, 70},
                                      {.scale = 0.55f, .zero_point = 45});
  Edge looked_up{.shape = parts.edges[mean].shape, .scale = 0.5f, .zero_point = 30};
  Stage table{.kind = Stage::Kind::table, .input = mean};
  for (int code = 0; code < 256; ++code)
    table.table.push_back(static_cast<std::uint8_t>(code * code % 251));
  const std::size_t looked = parts.add(table, looked_up);
  const std::size_t hidden =
      parts.product(looked, {33, 70}, {}, {.scale = 0.7f, .zero_point = 99}, false);
  parts.product(hidden, {10, 33}, {}, {.element = Element::int32}, false);
  return parts;
}

IntegerNetwork network_of(Parts parts, RequantRounding rounding = RequantRounding::half_even) {
  return {"parts", std::move(parts.edges), std::move(parts.stages), rounding};
}

Tensor images_of(const IntegerNetwork& network, std::int64_t count) {
  Tensor codes = random_codes(network.input().shape.with_front(count), 5, Element::uint8);
  codes.scales.assign(1, network.input().scale);
  codes.zero_point = network.input().zero_point;
  return codes;
}

}  // namespace

TEST_CASE("integer network: the fast loops give the codes of the plain ones") {
  const int before = threads();
  for (const RequantRounding rounding :
       {RequantRounding::half_even, RequantRounding::half_away, RequantRounding::double_rounding})
    for (const bool direct : {true, false}) {
      products::Paths paths = products::paths();
      paths.direct = paths.direct && direct;
      const products::Paths usual = products::override_paths(paths);
      IntegerNetwork network = network_of(all_kinds(rounding), rounding);
      for (const int count : {1, 2, 7, 40}) {
        const Tensor codes = images_of(network, count);
        std::vector<Tensor> plain;
        const Tensor scores =
            network.run_plain(codes, [&](std::size_t, const Tensor& t) { plain.push_back(t); });
        for (const int number : {1, 3}) {
          set_threads(number);
          CHECK(same_bits(network.run(codes), scores));
          network.run_watched(codes, [&](std::size_t stage, const Tensor& output) {
            CAPTURE(stage);
            CHECK(same_bits(output, plain[stage]));
          });
        }
        // Codes that are all the same would prove nothing.
        for (std::size_t i = 0; i + 1 < plain.size(); ++i) {
          const auto* c = plain[i].data<std::uint8_t>();
          const std::vector<std::uint8_t> values(c, c + plain[i].elements());
          CHECK(std::count(values.begin(), values.end(), values[0]) < plain[i].elements() / 2);
        }
      }
      products::override_paths(usual);
    }
  set_threads(before);
}

TEST_CASE("integer network: moved, it runs where it is now") {
  IntegerNetwork network = network_of(all_kinds(RequantRounding::half_even));
  const Tensor codes = images_of(network, 3);
  const Tensor scores = network.run(codes);
  IntegerNetwork moved = std::move(network);
  CHECK(same_bits(moved.run(codes), scores));
}

TEST_CASE("integer network: images become codes to the nearest, clipped") {
  const IntegerNetwork network = network_of(all_kinds(RequantRounding::half_even));
  Tensor images({1, 9, 8, 3}), codes;
  images.fill_zero();
  images.floats()[1] = 0.029f;
  images.floats()[2] = -100.0f;
  images.floats()[3] = 100.0f;
  network.encode(images, codes);
  CHECK(codes.data<std::uint8_t>()[0] == 120);
  CHECK(codes.data<std::uint8_t>()[1] == 121);
  CHECK(codes.data<std::uint8_t>()[2] == 0);
  CHECK(codes.data<std::uint8_t>()[3] == 255);
}

TEST_CASE("integer network: codes that are not its images are refused") {
  IntegerNetwork network = network_of(all_kinds(RequantRounding::half_even));
  for (const Tensor& codes :
       {Tensor({0, 9, 8, 3}, Element::uint8), Tensor({1, 8, 9, 3}, Element::uint8),
        Tensor({9, 8, 3}, Element::uint8), Tensor({1, 9, 8, 3}, Element::int8)}) {
    CHECK_THROWS_WITH_AS(network.run(codes), doctest::Contains("expected unsigned codes of images"),
                         Error);
    CHECK_THROWS_AS(network.run_plain(codes), Error);
  }
}

TEST_CASE("integer network: parts that do not fit are refused by the stage's name") {
  const auto refused = [](const auto& spoil, const std::string& words) {
    Parts parts = all_kinds(RequantRounding::half_even);
    spoil(parts);
    try {
      network_of(std::move(parts));
      FAIL("was not refused: " << words);
    } catch (const Error& error) {
      CAPTURE(error.what());
      CHECK(error.kind == Failure::usage);
      CHECK(std::string(error.what()).find(words) != std::string::npos);
    }
  };
  refused([](Parts& p) { p.stages[0].input = 99; }, "stage stage0: an edge");
  refused([](Parts& p) { p.stages[0].input = 3; }, "stage stage0: an input that no stage");
  refused([](Parts& p) { p.stages[1].output = 1; }, "stage stage1: an output that another");
  refused([](Parts& p) { p.stages[0].bias.pop_back(); }, "stage stage0: expected a bias");
  refused([](Parts& p) { p.stages[0].bias[0] = 2147483647; }, "stage stage0: sums that int32");
  refused([](Parts& p) { p.edges[1].shape = {9, 8, 21}; }, "stage stage0: an output that is not");
  refused([](Parts& p) { p.edges[0].shape = {9, 8, 4}; }, "stage stage0: weights of");
  refused([](Parts& p) { p.edges[2].zero_point = 256; }, "stage stage1: a zero point");
  refused([](Parts& p) { p.stages[3].multipliers[0].value = 1 << 22; }, "stage stage3: operands");
  refused([](Parts& p) { p.edges[6].scale = 2; }, "stage stage5: a maximum");
  refused([](Parts& p) { p.stages[5].window.stride = 0; }, "stage stage5: windows");
  refused([](Parts& p) { p.edges[6].shape = {3, 2, 70}; }, "stage stage5: windows");
  refused([](Parts& p) { p.stages[6].window.stride = 0; }, "stage stage6: windows");
  refused([](Parts& p) { p.stages[0].weights = Tensor(p.stages[0].weights.shape()); },
          "stage stage0: weights that are not codes");
  refused([](Parts& p) { p.stages[6].window.kernel_h = 3; }, "stage stage6: windows");
  refused([](Parts& p) { p.stages[0].multipliers[2].shift = 63; }, "stage stage0: a multiplier");
  refused([](Parts& p) { p.edges[3].scale = -1; }, "edge stage2: expected");
  refused([](Parts& p) { p.edges.back().element = Element::uint8; }, "makes no scores");
  refused([](Parts& p) { p.stages.clear(); }, "has no stages");
}

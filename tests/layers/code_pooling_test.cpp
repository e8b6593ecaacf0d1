#include "layers/code_pooling.h"

#include "tests/support.h"

using namespace octet;
using namespace octet::test;

namespace {

const kernels::PoolGeometry geometries[] = {
    {4, 6, 20, 2, 3, 2, 2, 2},   {6, 6, 3, 2, 2, 3, 3, 3},    {8, 8, 64, 4, 4, 2, 2, 2},
    {7, 5, 16, 2, 2, 2, 2, 3},   {5, 4, 1, 1, 1, 5, 4, 1},    {9, 9, 33, 3, 3, 2, 2, 3},
    {2, 40, 10, 1, 20, 2, 2, 2}, {3, 30, 10, 1, 10, 3, 3, 3}, {3, 30, 20, 1, 10, 3, 3, 3},
    {3, 12, 40, 1, 4, 3, 3, 3},  {4, 8, 40, 2, 4, 2, 2, 2},   {5, 31, 24, 2, 15, 2, 2, 2},
};

template <class Code>
void check_max(const kernels::PoolGeometry& g, std::uint64_t key) {
  const std::int64_t in = g.height * g.width * g.channels,
                     out = g.output_height * g.output_width * g.channels;
  const Tensor bytes = random_codes({in}, key);
  const auto* x = static_cast<const Code*>(bytes.raw());
  const Tensor error = random_codes({out}, key + 1);
  std::vector<Code> y(static_cast<std::size_t>(out) + 1, Code{55});
  std::vector<std::uint8_t> source(y.size(), 99);
  std::vector<std::int8_t> passed(static_cast<std::size_t>(in) + 1, 77);
  kernels::max_pool_codes(x, g, y.data(), source.data());
  kernels::max_pool_errors(error.data<std::int8_t>(), source.data(), g, passed.data());
  std::vector<int> truth(static_cast<std::size_t>(in));
  for (std::int64_t o = 0; o < out; ++o) {
    const std::int64_t c = o % g.channels, ow = o / g.channels % g.output_width,
                       oh = o / g.channels / g.output_width;
    std::int64_t best = -1;
    for (std::int64_t r = 0; r < g.window_height; ++r)
      for (std::int64_t q = 0; q < g.window_width; ++q) {
        const std::int64_t i = ((oh * g.stride + r) * g.width + ow * g.stride + q) * g.channels + c;
        if (best < 0 || x[i] > x[best]) best = i;
      }
    CHECK(y[static_cast<std::size_t>(o)] == x[best]);
    truth[static_cast<std::size_t>(best)] = error.data<std::int8_t>()[o];
  }
  CHECK(std::equal(truth.begin(), truth.end(), passed.begin()));
  CHECK(y.back() == 55);
  CHECK(source.back() == 99);
  CHECK(passed.back() == 77);
}

}  // namespace

TEST_CASE("code pooling: the largest code of each window, and its error back where it came from") {
  std::uint64_t key = 1;
  for (const kernels::PoolGeometry& g : geometries) {
    CAPTURE(g.channels);
    check_max<std::int8_t>(g, key += 2);
    check_max<std::uint8_t>(g, key += 2);
  }
}

TEST_CASE("code pooling: sums over windows, and errors spread over them") {
  for (const kernels::PoolGeometry& g : geometries) {
    const std::int64_t in = g.height * g.width * g.channels,
                       out = g.output_height * g.output_width * g.channels;
    const Tensor x = random_codes({in}, 3), error = random_codes({out}, 4);
    std::vector<std::int32_t> sums(static_cast<std::size_t>(out)),
        spread(static_cast<std::size_t>(in)), truth(sums.size()), back(spread.size());
    kernels::sum_windows(x.raw(), Element::int8, g, sums.data());
    kernels::spread_windows(error.data<std::int8_t>(), g, spread.data());
    for (std::int64_t o = 0; o < out; ++o)
      for (std::int64_t r = 0; r < g.window_height; ++r)
        for (std::int64_t q = 0; q < g.window_width; ++q) {
          const std::int64_t ow = o / g.channels % g.output_width,
                             oh = o / g.channels / g.output_width;
          const std::int64_t i =
              ((oh * g.stride + r) * g.width + ow * g.stride + q) * g.channels + o % g.channels;
          truth[static_cast<std::size_t>(o)] += x.data<std::int8_t>()[i];
          back[static_cast<std::size_t>(i)] += error.data<std::int8_t>()[o];
        }
    CHECK(sums == truth);
    CHECK(spread == back);
  }
}

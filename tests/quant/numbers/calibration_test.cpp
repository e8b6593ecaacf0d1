#include "quant/numbers/calibration.h"

#include <limits>

#include "framework/check.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

namespace {

Tensor values_of(const std::vector<float>& values) {
  Tensor tensor({static_cast<std::int64_t>(values.size())});
  std::copy(values.begin(), values.end(), tensor.floats());
  return tensor;
}

Histogram histogram_of(const Tensor& values, ValueRange range = {}) {
  widen(range, values);
  Histogram histogram(range);
  histogram.add(values);
  return histogram;
}

// Sums of uniform numbers, of deviation about 0.7: most near 0, few far from it.
Tensor bell(std::int64_t count, std::uint64_t key) {
  const Tensor parts = random_tensor({count, 6}, key);
  Tensor tensor({count});
  tensor.fill_zero();
  for (std::int64_t i = 0; i < parts.elements(); ++i)
    tensor.floats()[i / 6] += parts.floats()[i] * 0.5f;
  return tensor;
}

const Format eight = parse_format("uint8/minmax/smooth");

}  // namespace

TEST_CASE("calibration: a range takes in all values and zero") {
  ValueRange range;
  widen(range, values_of({2, 5, 3}));
  CHECK(range == ValueRange{0, 5});
  widen(range, values_of({-1.5f, 4}));
  CHECK(range == ValueRange{-1.5f, 5});
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()})
    CHECK_THROWS_WITH_AS(widen(range, values_of({bad})),
                         "a value to be calibrated on is not finite", Error);
}

TEST_CASE("calibration: a histogram counts by bins") {
  Histogram histogram({-1024, 1024});
  histogram.add(values_of({-1024, -1023.5f, 0.5f, 1023.5f, 1024, 2000}));
  CHECK(histogram.counts()[0] == 2);
  CHECK(histogram.counts()[1024] == 1);
  CHECK(histogram.counts()[2047] == 3);
  CHECK(histogram.middle(0) == -1023.5);
}

TEST_CASE("calibration: minmax is the whole range") {
  const Histogram histogram = histogram_of(values_of({-3, 0, 7}));
  CHECK(choose_range(histogram, RangeMethod::minmax, eight, 99) == ValueRange{-3, 7});
}

TEST_CASE("calibration: a percentile leaves out so many values, at the ends that there are") {
  // Bins of width 1: 99 values in the bin of 10, one in the last.
  std::vector<float> values(99, 10.5f);
  values.push_back(2048);
  const Histogram one = histogram_of(values_of(values));
  CHECK(choose_range(one, RangeMethod::percentile, eight, 99) == ValueRange{0, 11});
  CHECK(choose_range(one, RangeMethod::percentile, eight, 99.5) == ValueRange{0, 2048});
  CHECK(choose_range(one, RangeMethod::percentile, eight, 100) == ValueRange{0, 2048});
  // One of 100 at either end.
  values.assign(98, 10.5f);
  values.push_back(1024);
  values.push_back(-1024);
  const Histogram both = histogram_of(values_of(values));
  CHECK(choose_range(both, RangeMethod::percentile, eight, 98) == ValueRange{0, 11});
  CHECK(choose_range(both, RangeMethod::percentile, eight, 99) == ValueRange{-1024, 1024});
}

TEST_CASE("calibration: mse finds the least squared error") {
  // On four codes, 0 .. 3 steps: 1000 values each at 0, 1, 2, 3 and one at 12.
  const Format two = parse_format("uint2/minmax/smooth");
  std::vector<float> values;
  for (int i = 0; i < 4000; ++i) values.push_back(static_cast<float>(i % 4));
  values.push_back(12);
  const Histogram histogram = histogram_of(values_of(values));
  const ValueRange found = choose_range(histogram, RangeMethod::mse, two, 0);
  CHECK(found.least == 0);
  CHECK(found.most == doctest::Approx(3).epsilon(0.01));

  for (const Tensor& sample : {bell(20000, 1), random_tensor({20000}, 2, 0, 5)}) {
    const Histogram of_sample = histogram_of(sample);
    const ValueRange whole = of_sample.range();
    for (const char* format : {"uint4/minmax/smooth", "uint8/minmax/smooth"}) {
      const Format codes = parse_format(format);
      const ValueRange best = choose_range(of_sample, RangeMethod::mse, codes, 0);
      const double least = squared_error(of_sample, best, codes);
      for (float share = 0.1f; share <= 1; share += 0.05f)
        CHECK(least <=
              1.02 * squared_error(of_sample, {whole.least * share, whole.most * share}, codes));
    }
  }
}

TEST_CASE("calibration: entropy leaves out what is far off, and nothing of what is not") {
  // A bell and one value far out: codes for the empty part are wasted.
  std::vector<float> values;
  const Tensor sample = bell(20000, 6);
  for (int i = 0; i < 20000; ++i) values.push_back(100 * std::abs(sample.floats()[i]));
  values.push_back(2048);
  const ValueRange cut =
      choose_range(histogram_of(values_of(values)), RangeMethod::entropy, eight, 0);
  CHECK(cut.least == 0);
  CHECK(cut.most >= 150);
  CHECK(cut.most <= 700);
  // The same on both sides of zero.
  const std::size_t count = values.size();
  for (std::size_t i = 0; i < count; ++i) values.push_back(-values[i]);
  const ValueRange both =
      choose_range(histogram_of(values_of(values)), RangeMethod::entropy, eight, 0);
  CHECK(both.least == -both.most);
  CHECK(both.most <= 700);
  // As many codes as bins: nothing is lost by keeping everything.
  CHECK(choose_range(histogram_of(values_of(values)), RangeMethod::entropy,
                     parse_format("uint16/minmax/smooth"), 0) == ValueRange{-2048, 2048});
}

TEST_CASE("calibration: every method keeps zero within the range, of any values") {
  const Format sixteen = parse_format("uint16/minmax/smooth");
  for (const RangeMethod method :
       {RangeMethod::minmax, RangeMethod::percentile, RangeMethod::mse, RangeMethod::entropy}) {
    CHECK(parse_range_method(print(method)) == method);
    for (const Tensor& sample :
         {bell(1000, 3), random_tensor({1000}, 4, 1, 2), random_tensor({1000}, 5, -3, -1)})
      for (const Format& format : {eight, sixteen}) {
        const Histogram histogram = histogram_of(sample);
        const ValueRange range = choose_range(histogram, method, format, 99.9);
        CHECK(range.least <= 0);
        CHECK(range.most >= 0);
        CHECK(range.most > range.least);
        CHECK(range.least >= histogram.range().least);
        CHECK(range.most <= histogram.range().most);
      }
    CHECK(choose_range(histogram_of(values_of({0, 0})), method, eight, 99) == ValueRange{});
  }
  CHECK_THROWS_WITH_AS(parse_range_method("median"),
                       "expected minmax, percentile, mse or entropy for a range, got 'median'",
                       Error);
}

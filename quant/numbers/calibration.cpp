#include "quant/numbers/calibration.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "framework/check.h"
#include "quant/numbers/quantizer.h"

namespace octet {
namespace {

constexpr std::array<std::string_view, 4> method_names{"minmax", "percentile", "mse", "entropy"};

ValueRange percentile_range(const Histogram& histogram, double percentile) {
  const std::vector<std::int64_t>& counts = histogram.counts();
  const double all = static_cast<double>(std::accumulate(counts.begin(), counts.end(), 0LL));
  const ValueRange& whole = histogram.range();
  // Outliers are shared out between the ends, where there are two.
  const double outside = all * (1 - percentile / 100) / (whole.least < 0 && whole.most > 0 ? 2 : 1);
  const auto bins_outside = [&](auto begin, auto end) {
    double seen = 0;
    int bins = 0;
    for (; begin != end && seen + static_cast<double>(*begin) <= outside; ++begin, ++bins)
      seen += static_cast<double>(*begin);
    return bins;
  };
  ValueRange range = whole;
  if (whole.least < 0)
    range.least +=
        static_cast<float>(histogram.width() * bins_outside(counts.begin(), counts.end()));
  if (whole.most > 0)
    range.most -=
        static_cast<float>(histogram.width() * bins_outside(counts.rbegin(), counts.rend()));
  return {std::min(range.least, 0.0f), std::max(range.most, 0.0f)};
}

// One end at a time, from the whole range inwards, until neither moves.
ValueRange mse_range(const Histogram& histogram, const Format& format) {
  constexpr int steps = 100, rounds = 4;
  const ValueRange whole = histogram.range();
  ValueRange best = whole;
  double least_error = squared_error(histogram, best, format);
  for (int round = 0; round < rounds; ++round) {
    const ValueRange before = best;
    for (float ValueRange::*end : {&ValueRange::least, &ValueRange::most}) {
      if (whole.*end == 0) continue;
      for (int step = steps; step >= steps / 10; --step) {
        ValueRange tried = best;
        tried.*end = whole.*end * (static_cast<float>(step) / steps);
        const double error = squared_error(histogram, tried, format);
        if (error >= least_error) continue;
        least_error = error;
        best = tried;
      }
    }
    if (best == before) break;
  }
  return best;
}

// Kullback-Leibler divergence of the first `bins` magnitudes, with those beyond in the last of
// them, from the same in `levels` codes. Where the codes say that nothing is there, they say one
// value is: else the last bin would have to be one that is not empty.
double divergence(const std::vector<double>& counts, int bins, int levels, double all) {
  const double inside = std::accumulate(counts.begin(), counts.begin() + bins, 0.0);
  double sum = 0;
  for (int level = 0; level < levels; ++level) {
    const int begin = static_cast<int>(std::int64_t{bins} * level / levels),
              end = static_cast<int>(std::int64_t{bins} * (level + 1) / levels);
    double mass = 0;
    int living = 0;
    for (int i = begin; i < end; ++i) {
      mass += counts[static_cast<std::size_t>(i)];
      living += counts[static_cast<std::size_t>(i)] > 0;
    }
    for (int i = begin; i < end; ++i) {
      const double count = counts[static_cast<std::size_t>(i)];
      const double p = i == bins - 1 ? count + all - inside : count;
      const double q = count > 0 ? mass / living : 1;
      if (p > 0) sum += p / all * std::log(p / all / (q / std::max(inside, 1.0)));
    }
  }
  return sum;
}

// The threshold of magnitudes.
ValueRange entropy_range(const Histogram& histogram, const Format& format) {
  const ValueRange whole = histogram.range();
  const bool two_sided = whole.least < 0 && whole.most > 0;
  const int codes = format.grid.most() - format.grid.least() + 1;
  const int levels = two_sided ? codes / 2 : codes;
  if (levels >= Histogram::bins) return whole;
  const double largest = std::max(-whole.least, whole.most);
  std::vector<double> counts(Histogram::bins);
  for (int i = 0; i < Histogram::bins; ++i) {
    const double at = std::abs(histogram.middle(i)) / largest * Histogram::bins;
    counts[static_cast<std::size_t>(std::min(static_cast<int>(at), Histogram::bins - 1))] +=
        static_cast<double>(histogram.counts()[static_cast<std::size_t>(i)]);
  }
  // The zeros of a ReLU, which every range has a code for, would outweigh all else.
  counts[0] = counts[1];
  const double all = std::accumulate(counts.begin(), counts.end(), 0.0);
  int best = Histogram::bins;
  double least = divergence(counts, best, levels, all);
  for (int bins = Histogram::bins - 1; bins >= levels; --bins) {
    const double found = divergence(counts, bins, levels, all);
    if (found >= least) continue;
    least = found;
    best = bins;
  }
  const auto threshold = static_cast<float>(largest * best / Histogram::bins);
  return {std::max(whole.least, -threshold), std::min(whole.most, threshold)};
}

}  // namespace

std::string_view print(RangeMethod method) {
  return method_names[static_cast<std::size_t>(method)];
}

RangeMethod parse_range_method(std::string_view text) {
  const auto found = std::find(method_names.begin(), method_names.end(), text);
  check(found != method_names.end(), Failure::usage,
        "expected minmax, percentile, mse or entropy for a range, got '", text, "'");
  return static_cast<RangeMethod>(found - method_names.begin());
}

void widen(ValueRange& range, const Tensor& values) {
  const float* const x = values.floats();
  for (std::int64_t i = 0; i < values.elements(); ++i) {
    check(std::isfinite(x[i]), Failure::numbers, "a value to be calibrated on is not finite");
    range.least = std::min(range.least, x[i]);
    range.most = std::max(range.most, x[i]);
  }
}

void Histogram::add(const Tensor& values) {
  if (!(width() > 0)) return;
  const double per_width = 1 / width();
  for (std::int64_t i = 0; i < values.elements(); ++i) {
    const double at = (static_cast<double>(values.floats()[i]) - range_.least) * per_width;
    ++counts_[static_cast<std::size_t>(std::clamp(at, 0.0, bins - 1.0))];
  }
}

double squared_error(const Histogram& histogram, const ValueRange& range, const Format& format) {
  Quantizer quantizer(format);
  quantizer.range().floats()[0] = range.least;
  quantizer.range().floats()[1] = range.most;
  const Quantizer::Affine affine = quantizer.affine();
  const double scale = affine.scale, zero = affine.zero_point;
  double sum = 0;
  for (int i = 0; i < Histogram::bins; ++i) {
    const std::int64_t count = histogram.counts()[static_cast<std::size_t>(i)];
    if (count == 0) continue;
    const double x = histogram.middle(i);
    const double code =
        std::clamp(std::nearbyint(x / scale) + zero, static_cast<double>(format.grid.least()),
                   static_cast<double>(format.grid.most()));
    const double difference = scale * (code - zero) - x;
    sum += static_cast<double>(count) * difference * difference;
  }
  return sum;
}

ValueRange choose_range(const Histogram& histogram, RangeMethod method, const Format& format,
                        double percentile) {
  const ValueRange& whole = histogram.range();
  if (!(whole.most > whole.least)) return whole;
  switch (method) {
    case RangeMethod::minmax:
      return whole;
    case RangeMethod::percentile:
      return percentile_range(histogram, percentile);
    case RangeMethod::mse:
      return mse_range(histogram, format);
    case RangeMethod::entropy:
      return entropy_range(histogram, format);
  }
  return whole;
}

}  // namespace octet

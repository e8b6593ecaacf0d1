#include "quant/numbers/quantizer.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "framework/check.h"
#include "framework/exponential.h"
#include "framework/parallel.h"
#include "framework/random.h"
#include "quant/numbers/encode_kernels.h"
#include "quant/numbers/k_means.h"
#include "quant/numbers/posit.h"
#include "quant/numbers/ranges.h"

namespace octet {
namespace {

using Rule = Scaling::Rule;
constexpr std::int64_t grain = 1 << 14;
// Share of a new batch in a smoothed range.
constexpr float smoothing = 0.05f;

kernels::Encoding encoding(const Format& format, std::uint64_t key) {
  return {.least = static_cast<float>(format.grid.least()),
          .most = static_cast<float>(format.grid.most()),
          .stochastic = format.rounding == Rounding::stochastic,
          .key = key};
}

kernels::FloatRounding float_rounding(const Grid& grid, Rounding rounding, std::uint64_t key) {
  const int bias = (1 << (grid.exponent - 1)) - 1;
  const float largest = std::ldexp(2.0f - std::ldexp(1.0f, -grid.mantissa), bias);
  return {.dropped = 23 - grid.mantissa,
          .least_normal_bits = std::bit_cast<std::uint32_t>(std::ldexp(1.0f, 1 - bias)),
          .largest_bits = std::bit_cast<std::uint32_t>(largest),
          .unit = std::ldexp(1.0, 1 - bias - grid.mantissa),
          .stochastic = rounding == Rounding::stochastic,
          .key = key};
}

// One run of values with one scale.
template <class Code>
void encode_run(const Grid& grid, const float* x, std::int64_t first, std::int64_t count,
                const kernels::Encoding& how, Code* codes) {
  if (grid.kind != Grid::Kind::binary && grid.kind != Grid::Kind::midrise)
    return kernels::encode(x, first, count, how, codes);
  // Levels 2 apart, without a zero: (x / scale + most) / 2 is 0 .. most. Of two levels the upper
  // one from x = 0 on, or by BinaryConnect's hard sigmoid.
  for (std::int64_t i = 0; i < count; ++i) {
    const float place = std::clamp(0.5f * (x[i] / how.scale + how.most), 0.0f, how.most);
    const float below = std::floor(place), part = place - below;
    const bool up = how.stochastic ? uniform(how.key, static_cast<std::uint32_t>(first + i)) < part
                                   : part >= 0.5f;
    codes[i] = static_cast<Code>(2 * (below + (up ? 1 : 0)) - how.most);
  }
}

// tanh(w) / max |tanh(w)|; a tensor of zeros stays.
const Tensor& squash(const Tensor& values, Tensor& squashed) {
  squashed.resize(values.shape());
  const float largest = ranges::absmax(values.floats(), values.elements(), nullptr);
  ranges::check_finite(largest);
  const float most = hyperbolic_tangent(largest);
  parallel_for(values.elements(), grain, [&](std::int64_t a, std::int64_t b) {
    for (std::int64_t i = a; i < b; ++i)
      squashed.floats()[i] = most > 0 ? hyperbolic_tangent(values.floats()[i]) / most : 0.0f;
  });
  return squashed;
}

}  // namespace

float coarse_scale(float scale, int bits) {
  int exponent = 0;
  const float fraction = std::frexp(scale, &exponent);  // in [0.5, 1)
  const float steps = std::ldexp(1.0f, 24 - bits);
  return std::ldexp(std::ceil(fraction * steps) / steps, exponent);
}

Quantizer::Quantizer(Format format, std::string stream)
    : format_(format),
      stream_(stream_of(stream)),
      range_(Shape{format.scaling.rule == Rule::overflow  ? 5
                   : format.scaling.rule == Rule::learned ? 1
                                                          : 2}) {
  range_.fill_zero();
}

void Quantizer::smooth(float least, float most) {
  float* range = range_.floats();
  const bool first = range[0] == 0 && range[1] == 0;
  range[0] = first ? least : range[0] + smoothing * (least - range[0]);
  range[1] = first ? most : range[1] + smoothing * (most - range[1]);
}

bool Quantizer::flows() const {
  const Scaling& scaling = format_.scaling;
  const bool known =
      scaling.rule == Rule::step || (scaling.rule == Rule::absmax && scaling.smooth) ||
      (scaling.rule == Rule::pow2 && !scaling.smooth && !scaling.unit && !scaling.channel);
  // Half a step at the ends of few bits is too much to stop errors in.
  const bool stops_well = !format_.stop || (scaling.rule == Rule::step && format_.grid.bits == 8);
  return known && stops_well && format_.grid.kind == Grid::Kind::integer &&
         format_.element() == Element::int8;
}

float Quantizer::late_scale(float most) const { return ranges::scale_of_range(format_, most); }

std::uint8_t Quantizer::stop_code() const {
  return format_.stop ? static_cast<std::uint8_t>(format_.grid.most()) : std::uint8_t{0};
}

void Quantizer::use_channels(std::int64_t channels) {
  range_.resize({channels});
  range_.fill_zero();
  channels_ = true;
}

bool Quantizer::knows_range() const {
  if (format_.scaling.rule == Rule::step) return true;
  const float* range = range_.floats();
  return std::any_of(range, range + range_.elements(), [](float x) { return x != 0; });
}

float Quantizer::flow_most(bool nonnegative) const {
  const auto most = static_cast<float>(format_.grid.most());
  return nonnegative && format_.scaling.rule == Rule::absmax ? 2 * most + 1 : most;
}

void Quantizer::flow_scales(bool nonnegative, std::vector<float>& scales) const {
  const float codes = flow_most(nonnegative);
  const auto scale_of = [&](float most) {
    const float scale = most / codes;
    return most > 0 && scale >= 1e-30f ? coarse_scale(scale, format_.grid.bits) : 1.0f;
  };
  if (format_.scaling.rule == Rule::step) {
    scales.assign(1, std::ldexp(1.0f, -format_.scaling.fraction));
  } else if (channels_) {
    scales.resize(static_cast<std::size_t>(range_.elements()));
    std::transform(range_.floats(), range_.floats() + range_.elements(), scales.begin(), scale_of);
  } else {
    scales.assign(1, scale_of(range_.floats()[1]));
  }
}

Quantizer::Affine Quantizer::flow_affine(float least) const {
  const float most = range_.floats()[1];
  // The range is that of magnitudes: where it is narrow nothing reaches down to `least`.
  least = std::max(least, -most);
  const float scale = coarse_scale((most - least) / flow_most(true), format_.grid.bits);
  return {scale, static_cast<std::int32_t>(std::nearbyint(-least / scale))};
}

void Quantizer::observe(std::span<const float> most) {
  for (const float value : most) ranges::check_finite(value);
  if (!format_.scaling.smooth) return;
  if (!channels_) return smooth(0, most[0]);
  // A channel's range follows a larger one at once and a smaller one slowly.
  float* range = range_.floats();
  for (std::size_t k = 0; k < most.size(); ++k)
    range[k] = most[k] > range[k] ? most[k] : range[k] + smoothing * (most[k] - range[k]);
}

void Quantizer::encode_codebook(const Tensor& values, Tensor& codes) const {
  const float* const x = values.floats();
  const std::int64_t count = values.elements();
  if (count == 0) return;
  ranges::check_finite(ranges::absmax(x, count, nullptr));
  std::vector<float> rising(x, x + count);
  std::sort(rising.begin(), rising.end());
  std::vector<float> centroids = rising;
  centroids.erase(std::unique(centroids.begin(), centroids.end()), centroids.end());
  const auto levels = static_cast<std::size_t>(format_.grid.levels);
  if (centroids.size() > levels) {
    // First centroids evenly over the range, as Deep Compression has them.
    centroids.resize(levels);
    const float step = (rising.back() - rising.front()) / static_cast<float>(levels - 1);
    for (std::size_t k = 0; k < levels; ++k)
      centroids[k] = rising.front() + static_cast<float>(k) * step;
    centroids = refine_centroids(rising, std::move(centroids), format_.grid.levels);
  }
  float* const out = codes.floats();
  parallel_for(count, grain, [&](std::int64_t a, std::int64_t b) {
    for (std::int64_t i = a; i < b; ++i) out[i] = centroids[nearest_centroid(centroids, x[i])];
  });
}

// The magnitudes begin as the means of the weights that they stand for.
void Quantizer::encode_trained(const Tensor& values, const Pass& pass, Tensor& codes) {
  const std::int64_t count = values.elements();
  const float* const x = values.floats();
  const float most = ranges::absmax(x, count);
  ranges::check_finite(most);
  const float threshold = trained_threshold * most;
  float magnitudes[2] = {range_.floats()[0], range_.floats()[1]};
  if (magnitudes[0] == 0 && magnitudes[1] == 0) {
    double sums[2] = {0, 0};
    std::int64_t counts[2] = {0, 0};
    for (std::int64_t i = 0; i < count; ++i)
      if (std::abs(x[i]) > threshold) {
        sums[x[i] < 0] += static_cast<double>(std::abs(x[i]));
        ++counts[x[i] < 0];
      }
    for (const int side : {0, 1})
      magnitudes[side] = counts[side] > 0
                             ? static_cast<float>(sums[side] / static_cast<double>(counts[side]))
                             : most;
    if (pass.training) std::copy(magnitudes, magnitudes + 2, range_.floats());
  }
  float* const out = codes.floats();
  parallel_for(count, grain, [&](std::int64_t a, std::int64_t b) {
    for (std::int64_t i = a; i < b; ++i)
      out[i] = x[i] > threshold ? magnitudes[0] : x[i] < -threshold ? -magnitudes[1] : 0.0f;
  });
}

// Formats with a scale for each group of values: the codes are the numbers.
void Quantizer::encode_groups(const Tensor& values, const Pass& pass, Tensor& codes) {
  const std::int64_t count = values.elements();
  if (count == 0) return;
  const float* const x = values.floats();
  ranges::check_finite(ranges::absmax(x, count, nullptr));
  // A vector is one block (Yang 2019).
  const std::int64_t size = format_.scaling.block > 0   ? format_.scaling.block
                            : values.shape().rank() > 1 ? count / values.shape()[0]
                                                        : count;
  const std::uint64_t random = key(pass);
  parallel_for((count + size - 1) / size, std::max<std::int64_t>(1, grain / size),
               [&](std::int64_t a, std::int64_t b) {
                 for (std::int64_t g = a; g < b; ++g) {
                   const std::int64_t begin = g * size, n = std::min(size, count - begin);
                   kernels::Encoding how = encoding(format_, random);
                   how.scale =
                       ranges::scale_of_range(format_, kernels::absmax(x + begin, n, nullptr, 1));
                   float* const out = codes.floats() + begin;
                   encode_run(format_.grid, x + begin, begin, n, how, out);
                   for (std::int64_t i = 0; i < n; ++i) out[i] *= how.scale;
                 }
               });
}

void Quantizer::encode_as(Element element, const Tensor& given, const Pass& pass, Tensor& codes,
                          const std::vector<float>* factors) {
  assert(given.element() == Element::float32);
  const Tensor& values = format_.squashed ? squash(given, squashed_) : given;
  codes.resize(values.shape(), element);
  assert(!factors || format_.grid.kind == Grid::Kind::integer);
  const std::uint64_t random = key(pass);
  const float* x = values.floats();
  const std::int64_t count = values.elements();
  if (format_.grid.kind == Grid::Kind::codebook) return encode_codebook(values, codes);
  if (format_.grid.kind == Grid::Kind::posit) {
    ranges::check_finite(ranges::absmax(x, count));
    const std::vector<float>& posits = positive_posits(format_.grid.bits, format_.grid.exponent);
    parallel_for(count, grain, [&](std::int64_t a, std::int64_t b) {
      for (std::int64_t i = a; i < b; ++i)
        codes.floats()[i] = round_to_posit(x[i], posits, format_.rounding,
                                           random_bits(random, static_cast<std::uint32_t>(i)));
    });
    return;
  }
  if (format_.grid.kind == Grid::Kind::floating) {
    const kernels::FloatRounding how = float_rounding(format_.grid, format_.rounding, random);
    float* out = codes.floats();
    parallel_for(count, grain, [&](std::int64_t a, std::int64_t b) {
      if (kernels::round_floats(x, a, b, how, out)) kernels::round_subnormals(x, a, b, how, out);
    });
    return;
  }
  if (format_.scaling.rule == Rule::trained) return encode_trained(values, pass, codes);
  if (format_.holds_numbers()) return encode_groups(values, pass, codes);

  find_scales(values, pass, factors, codes);
  kernels::Encoding how = encoding(format_, random);
  how.zero_point = static_cast<float>(codes.zero_point);
  const auto run = [&](std::int64_t begin, std::int64_t end, const kernels::Encoding& part) {
    switch (element) {
      case Element::int8:
        return encode_run(format_.grid, x + begin, begin, end - begin, part,
                          codes.data<std::int8_t>() + begin);
      case Element::uint8:
        return encode_run(format_.grid, x + begin, begin, end - begin, part,
                          codes.data<std::uint8_t>() + begin);
      default:
        return encode_run(format_.grid, x + begin, begin, end - begin, part,
                          codes.floats() + begin);
    }
  };
  const bool metered = pass.metered && flows() && element == Element::int8;
  const std::int64_t rows = codes.scales.size() > 1 ? values.shape()[0]
                            : factors               ? count / values.shape().back()
                                                    : 1;
  if (rows == 1) {
    how.scale = codes.scales[0];
    parallel_for(count, grain, [&](std::int64_t a, std::int64_t b) { run(a, b, how); });
  } else {
    const std::int64_t row = count / rows;
    if (factors) {
      how.factors = factors->data();
      how.columns = row;
      how.scale = codes.scales[0];
    }
    parallel_for(rows, std::max<std::int64_t>(1, grain / row), [&](std::int64_t a, std::int64_t b) {
      if (factors) return run(a * row, b * row, how);
      kernels::Encoding part = how;
      for (std::int64_t i = a; i < b; ++i) {
        part.scale = codes.scales[static_cast<std::size_t>(i)];
        run(i * row, (i + 1) * row, part);
      }
    });
  }
  if (format_.scaling.outlier) put_outliers(codes);
  if (metered) meter(values, factors, codes);
  // The range is thrown away: as if the power of two next to the largest magnitude had been 1.
  if (format_.scaling.unit) codes.scales[0] = std::ldexp(1.0f, 2 - format_.grid.bits);
}

// The whole codes of find_outliers, beside those that were clipped.
void Quantizer::put_outliers(Tensor& codes) const {
  if (codes.element() == Element::float32) {
    for (const Outlier& whole : codes.outliers)
      codes.floats()[whole.index] = static_cast<float>(whole.excess);
    codes.outliers.clear();
  } else {
    for (Outlier& outlier : codes.outliers)
      outlier.excess -= codes.data<std::int8_t>()[outlier.index];
  }
}

// Of codes on an integer grid.
void Quantizer::meter(const Tensor& values, const std::vector<float>* factors,
                      const Tensor& codes) {
  const std::int64_t columns = factors ? static_cast<std::int64_t>(factors->size()) : 1;
  const float limit = static_cast<float>(format_.grid.most()) + 0.5f;
  for (std::int64_t i = 0; i < values.elements(); ++i) {
    const float factor = factors ? (*factors)[static_cast<std::size_t>(i % columns)] : 1.0f;
    const float size = std::abs(values.floats()[i] * factor / codes.scale());
    tally_.clipped += size > limit;
    tally_.underflowed += size > 0 && codes.data<std::int8_t>()[i] == 0;
  }
  tally_.counted += values.elements();
}

void Quantizer::unsquash(const Tensor& weights, Tensor& gradient) const {
  const float most =
      hyperbolic_tangent(ranges::absmax(weights.floats(), weights.elements(), nullptr));
  if (!(most > 0)) return;
  parallel_for(weights.elements(), grain, [&](std::int64_t a, std::int64_t b) {
    for (std::int64_t i = a; i < b; ++i) {
      const float t = hyperbolic_tangent(weights.floats()[i]);
      gradient.floats()[i] *= (1.0f - t * t) / most;
    }
  });
}

void Quantizer::quantize(const Tensor& values, const Pass& pass, Tensor& result) {
  encode(values, pass, scratch_);
  decode(scratch_, result);
}

float round_to_grid(float value, const Grid& grid, Rounding rounding, std::uint32_t random) {
  if (grid.is_float32() || !std::isfinite(value) || value == 0) return value;
  int exponent = 0;
  std::frexp(value, &exponent);  // value = fraction * 2^exponent, fraction in [0.5, 1)
  const int bias = (1 << (grid.exponent - 1)) - 1;
  const int lowest = 1 - bias;  // exponent of the smallest normal number
  const int unit = std::max(exponent - 1, lowest) - grid.mantissa;
  const double steps = std::ldexp(static_cast<double>(value), -unit);
  double whole = std::nearbyint(steps);
  if (rounding == Rounding::stochastic) {
    const double below = std::floor(steps);
    const double u = (static_cast<double>(random) + 0.5) * 0x1p-32;
    whole = steps - below > u ? below + 1 : below;
  }
  const double result = std::ldexp(whole, unit);
  const double largest = std::ldexp(2.0 - std::ldexp(1.0, -grid.mantissa), bias);
  if (std::abs(result) > largest)
    return std::copysign(std::numeric_limits<float>::infinity(), value);
  return std::copysign(static_cast<float>(result), value);
}

}  // namespace octet

#include "quant/numbers/quantizer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "framework/check.h"
#include "framework/exponential.h"
#include "framework/parallel.h"
#include "framework/random.h"
#include "quant/compression/k_means.h"
#include "quant/numbers/encode_kernels.h"

namespace octet {
namespace {

using Rule = Scaling::Rule;
constexpr std::int64_t grain = 1 << 14;
// Share of a new batch in a smoothed range.
constexpr float smoothing = 0.05f;

// Dynamic fixed point: batches between two looks, and the share of values that may overflow.
constexpr float overflow_batches = 100, overflow_rate = 1e-4f;

int code_bits(const Grid& grid) {
  if (grid.kind == Grid::Kind::midrise) return grid.bits + 1;
  return grid.kind == Grid::Kind::integer ? grid.bits : 2;
}

// floor(log2 of x) + 1: the least exponent e with x < 2^e.
int exponent_above(float x) {
  int exponent = 0;
  std::frexp(x, &exponent);
  return exponent;
}

// The scale of a tensor or channel whose largest magnitude is `most`. All zeros get scale 1.
float scale_of_range(const Format& format, float most) {
  if (!(most > 0)) return 1.0f;
  if (format.scaling.rule == Rule::block)
    return std::ldexp(1.0f, std::max(exponent_above(most), -90) - (code_bits(format.grid) - 1));
  if (format.scaling.rule == Rule::pow2) {
    const int exponent = static_cast<int>(std::lrint(std::log2(static_cast<double>(most))));
    return std::ldexp(1.0f, exponent - (code_bits(format.grid) - 1));
  }
  const float scale = most / static_cast<float>(format.grid.most());
  // A denormal range would lose the law's exactness; nothing is lost by calling it zero.
  return scale < 1e-30f ? 1.0f : coarse_scale(scale, code_bits(format.grid));
}

float parallel_absmax(const float* x, std::int64_t count, const std::vector<float>* factors) {
  const std::int64_t columns = factors ? static_cast<std::int64_t>(factors->size()) : 1;
  const std::int64_t rows = count / columns;
  const std::int64_t chunk = std::max<std::int64_t>(1, grain / columns);
  std::vector<float> parts(static_cast<std::size_t>((rows + chunk - 1) / chunk));
  parallel_for(static_cast<std::int64_t>(parts.size()), 4, [&](std::int64_t a, std::int64_t b) {
    for (std::int64_t i = a; i < b; ++i) {
      const std::int64_t begin = i * chunk, end = std::min(rows, begin + chunk);
      parts[static_cast<std::size_t>(i)] =
          kernels::absmax(x + begin * columns, (end - begin) * columns,
                          factors ? factors->data() : nullptr, columns);
    }
  });
  float most = 0;
  for (const float part : parts) most = std::isnan(part) || part > most ? part : most;
  return most;
}

// Widens least .. most to hold all values.
void parallel_minmax(const float* x, std::int64_t count, float* least, float* most) {
  const auto parts = static_cast<std::size_t>((count + grain - 1) / grain);
  std::vector<float> low(parts, *least), high(parts, *most);
  parallel_for(static_cast<std::int64_t>(parts), 4, [&](std::int64_t a, std::int64_t b) {
    for (std::int64_t i = a; i < b; ++i)
      kernels::minmax(x + i * grain, std::min(grain, count - i * grain),
                      &low[static_cast<std::size_t>(i)], &high[static_cast<std::size_t>(i)]);
  });
  // A NaN is neither smaller nor larger, and must not be lost.
  for (std::size_t i = 0; i < parts; ++i) {
    *least = low[i] < *least || std::isnan(low[i]) ? low[i] : *least;
    *most = high[i] > *most || std::isnan(high[i]) ? high[i] : *most;
  }
}

double parallel_sum_abs(const float* x, std::int64_t count, float above) {
  return parallel_sum(count, grain, [&](std::int64_t a, std::int64_t b) {
    double sum = 0;
    for (std::int64_t i = a; i < b; ++i) sum += std::abs(x[i]) > above ? std::abs(x[i]) : 0.0f;
    return sum;
  });
}

// Mean magnitude (binary), or that of the weights beyond 0.7 of it (ternary weight networks; the
// codes round at half the scale, which is not their threshold, so the scale is what the paper's
// threshold gives and the rounding is ours).
float mean_scale(const Format& format, const float* x, std::int64_t count) {
  const double mean = parallel_sum_abs(x, count, -1.0f) / static_cast<double>(count);
  if (format.grid.kind == Grid::Kind::binary) return static_cast<float>(mean);
  const float threshold = static_cast<float>(0.7 * mean);
  const double kept = parallel_sum(count, grain, [&](std::int64_t a, std::int64_t b) {
    double n = 0;
    for (std::int64_t i = a; i < b; ++i) n += std::abs(x[i]) > threshold ? 1 : 0;
    return n;
  });
  return kept > 0 ? static_cast<float>(parallel_sum_abs(x, count, threshold) / kept) : 0.0f;
}

void check_finite(float range) {
  check(std::isfinite(range), Failure::numbers,
        "a tensor to be quantised holds NaN or infinity: the training has diverged");
}

kernels::Encoding encoding(const Format& format, std::uint64_t key) {
  return {.least = static_cast<float>(format.grid.least()),
          .most = static_cast<float>(format.grid.most()),
          .stochastic = format.rounding == Rounding::stochastic,
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
  const float most =
      hyperbolic_tangent(parallel_absmax(values.floats(), values.elements(), nullptr));
  check_finite(most);
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
  const bool known = format_.scaling.rule == Rule::step ||
                     (format_.scaling.rule == Rule::absmax && format_.scaling.smooth);
  return known && format_.grid.kind == Grid::Kind::integer && format_.element() == Element::int8 &&
         !format_.stop;
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

void Quantizer::observe(std::span<const float> most) {
  for (const float value : most) check_finite(value);
  if (!format_.scaling.smooth) return;
  if (!channels_) return smooth(0, most[0]);
  // A channel's range follows a larger one at once and a smaller one slowly.
  float* range = range_.floats();
  for (std::size_t k = 0; k < most.size(); ++k)
    range[k] = most[k] > range[k] ? most[k] : range[k] + smoothing * (most[k] - range[k]);
}

void Quantizer::find_scales(const Tensor& values, const Pass& pass,
                            const std::vector<float>* factors, Tensor& codes) {
  const Scaling& scaling = format_.scaling;
  const float* x = values.floats();
  const std::int64_t count = values.elements();
  if (scaling.rule == Rule::none || count == 0) return;
  if (scaling.rule == Rule::step) {
    check_finite(parallel_absmax(x, count, factors));
    codes.scales[0] = std::ldexp(1.0f, -scaling.fraction);
    return;
  }
  if (scaling.rule == Rule::range || scaling.rule == Rule::overflow ||
      scaling.rule == Rule::learned) {
    check_finite(parallel_absmax(x, count, factors));
    codes.scales[0] = scaling.rule == Rule::range      ? scale_of_range(format_, scaling.limit)
                      : scaling.rule == Rule::overflow ? overflow_scale(values, pass)
                                                       : learned_scale(values, pass);
    return;
  }
  if (scaling.channel) {
    assert(!factors);
    const std::int64_t rows = values.shape()[0], row = count / rows;
    codes.scales.resize(static_cast<std::size_t>(rows));
    // A channel of zeros has no range; the tensor's own keeps its errors in proportion.
    const float whole = parallel_absmax(x, count, nullptr);
    check_finite(whole);
    for (std::int64_t i = 0; i < rows; ++i) {
      float& scale = codes.scales[static_cast<std::size_t>(i)];
      if (scaling.rule == Rule::meanabs) {
        scale = coarse_scale(mean_scale(format_, x + i * row, row), 2);
        if (!(scale > 0)) scale = 1.0f;
      } else {
        const float most = kernels::absmax(x + i * row, row, nullptr, 1);
        scale = scale_of_range(format_, most > 0 ? most : whole);
      }
    }
    return;
  }
  if (scaling.rule == Rule::meanabs) {
    check_finite(parallel_absmax(x, count, nullptr));
    const float mean = mean_scale(format_, x, count);
    codes.scales[0] = mean > 0 ? coarse_scale(mean, 2) : 1.0f;
    return;
  }
  const bool known = scaling.smooth && (range_.floats()[0] != 0 || range_.floats()[1] != 0);
  float least = 0, most = 0;
  if (scaling.rule == Rule::minmax) {
    if (!known || pass.training) {
      parallel_minmax(x, count, &least, &most);
      check_finite(least);
      check_finite(most);
    } else {
      check_finite(parallel_absmax(x, count, nullptr));
    }
  } else {
    most = parallel_absmax(x, count, factors);
    check_finite(most);
    // Negative values become 0 and must not widen the grid.
    if (format_.grid.least() == 0 && (!known || pass.training)) {
      assert(!factors);
      most = 0;
      parallel_minmax(x, count, &least, &most);
    }
  }
  const float now_least = least, now_most = most;
  if (known) {
    least = range_.floats()[0];
    most = range_.floats()[1];
  }
  if (scaling.smooth && pass.training) smooth(now_least, now_most);
  if (scaling.rule != Rule::minmax) {
    codes.scales[0] = scale_of_range(format_, most);
    return;
  }
  const Affine affine = affine_of(least, most);
  codes.scales[0] = affine.scale;
  codes.zero_point = affine.zero_point;
}

float Quantizer::overflow_scale(const Tensor& values, const Pass& pass) {
  float* const memory = range_.floats();
  float &known = memory[0], &exponent = memory[1], &over = memory[2], &half_over = memory[3],
        &batches = memory[4];
  const float* x = values.floats();
  const std::int64_t count = values.elements();
  // Changed only when the next batch comes: what is stored lies on the grid of the exponent here.
  if (pass.training && batches >= overflow_batches) {
    if (over > overflow_rate * batches)
      exponent += 1;
    else if (half_over <= overflow_rate * batches)
      exponent -= 1;
    exponent = std::clamp(exponent, -90.0f, 90.0f);
    over = half_over = batches = 0;
  }
  const float most = known == 0 ? parallel_absmax(x, count, nullptr) : 0.0f;
  const int now = known == 0 ? exponent_above(most) : static_cast<int>(exponent);
  const float scale = std::ldexp(1.0f, now - (format_.grid.bits - 1));
  if (!pass.training) return scale;
  if (known == 0) {
    if (!(most > 0)) return scale;
    known = 1;
    exponent = static_cast<float>(now);
  }
  const auto rate = [&](float from) {
    const double reached = parallel_sum(count, grain, [&](std::int64_t a, std::int64_t b) {
      double n = 0;
      for (std::int64_t i = a; i < b; ++i) n += std::abs(x[i]) >= from ? 1 : 0;
      return n;
    });
    return static_cast<float>(reached / static_cast<double>(count));
  };
  over += rate(std::ldexp(1.0f, now));
  half_over += rate(std::ldexp(0.5f, now));
  batches += 1;
  return scale;
}

float Quantizer::learned_scale(const Tensor& values, const Pass& pass) {
  float step = range_.floats()[0];
  if (!(step > 0)) {
    const std::int64_t count = values.elements();
    const double mean =
        parallel_sum_abs(values.floats(), count, -1.0f) / static_cast<double>(count);
    step = static_cast<float>(2 * mean / std::sqrt(static_cast<double>(format_.grid.most())));
    if (!(step > 1e-12f)) step = 1;
    if (pass.training) range_.floats()[0] = step;
  }
  return coarse_scale(step, code_bits(format_.grid));
}

Quantizer::Affine Quantizer::affine_of(float least, float most) const {
  // Zero must be a code: padding and ReLU need it exactly.
  least = std::min(least, 0.0f);
  most = std::max(most, 0.0f);
  const float span = most - least;
  const int lowest = format_.grid.least(), highest = format_.grid.most();
  if (!(span > 1e-30f)) return {};
  const float scale = coarse_scale(span / static_cast<float>(highest - lowest), format_.grid.bits);
  return {scale, std::clamp(lowest + static_cast<std::int32_t>(std::lrint(-least / scale)), lowest,
                            highest)};
}

void Quantizer::encode_codebook(const Tensor& values, Tensor& codes) const {
  const float* const x = values.floats();
  const std::int64_t count = values.elements();
  if (count == 0) return;
  check_finite(parallel_absmax(x, count, nullptr));
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

// Formats with a scale for each group of values: the codes are the numbers.
void Quantizer::encode_groups(const Tensor& values, const Pass& pass, Tensor& codes) {
  const std::int64_t count = values.elements();
  if (count == 0) return;
  const float* const x = values.floats();
  check_finite(parallel_absmax(x, count, nullptr));
  const std::int64_t size =
      format_.scaling.block > 0 ? format_.scaling.block : count / values.shape()[0];
  const std::uint64_t random = key(pass);
  parallel_for((count + size - 1) / size, std::max<std::int64_t>(1, grain / size),
               [&](std::int64_t a, std::int64_t b) {
                 for (std::int64_t g = a; g < b; ++g) {
                   const std::int64_t begin = g * size, n = std::min(size, count - begin);
                   kernels::Encoding how = encoding(format_, random);
                   how.scale = scale_of_range(format_, kernels::absmax(x + begin, n, nullptr, 1));
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
  if (format_.grid.kind == Grid::Kind::floating) {
    float* out = codes.floats();
    parallel_for(count, grain, [&](std::int64_t a, std::int64_t b) {
      for (std::int64_t i = a; i < b; ++i)
        out[i] = round_to_grid(x[i], format_.grid, format_.rounding,
                               random_bits(random, static_cast<std::uint32_t>(i)));
    });
    return;
  }
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
  if (metered) meter(values, factors, codes);
  // The range is thrown away: as if the largest magnitude had been 1.
  if (format_.scaling.unit) codes.scales[0] = std::ldexp(1.0f, 1 - format_.grid.bits);
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
      hyperbolic_tangent(parallel_absmax(weights.floats(), weights.elements(), nullptr));
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
  return static_cast<float>(result);
}

}  // namespace octet

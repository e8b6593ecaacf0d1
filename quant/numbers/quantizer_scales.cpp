// How a Quantizer finds the scales of a tensor, and what it remembers for that.
#include <algorithm>
#include <cassert>
#include <cmath>

#include "quant/numbers/encode_kernels.h"
#include "quant/numbers/quantizer.h"
#include "quant/numbers/ranges.h"

namespace octet {
namespace {

using Rule = Scaling::Rule;
// Dynamic fixed point: batches between two looks, and the share of values that may overflow.
constexpr float overflow_batches = 100, overflow_rate = 1e-4f;

}  // namespace

void Quantizer::find_scales(const Tensor& values, const Pass& pass,
                            const std::vector<float>* factors, Tensor& codes) {
  const Scaling& scaling = format_.scaling;
  const float* x = values.floats();
  const std::int64_t count = values.elements();
  if (scaling.rule == Rule::none || count == 0) return;
  if (scaling.rule == Rule::step) {
    ranges::check_finite(ranges::absmax(x, count, factors));
    codes.scales[0] = std::ldexp(1.0f, -scaling.fraction);
    return;
  }
  if (scaling.rule == Rule::range || scaling.rule == Rule::overflow ||
      scaling.rule == Rule::learned) {
    ranges::check_finite(ranges::absmax(x, count, factors));
    codes.scales[0] = scaling.rule == Rule::range ? ranges::scale_of_range(format_, scaling.limit)
                      : scaling.rule == Rule::overflow ? overflow_scale(values, pass)
                                                       : learned_scale(values, pass);
    return;
  }
  if (scaling.channel) {
    assert(!factors);
    const std::int64_t rows = values.shape()[0], row = count / rows;
    codes.scales.resize(static_cast<std::size_t>(rows));
    // A channel of zeros has no range; the tensor's own keeps its errors in proportion.
    const float whole = ranges::absmax(x, count, nullptr);
    ranges::check_finite(whole);
    if (scaling.outlier) return find_outliers(values, codes);
    for (std::int64_t i = 0; i < rows; ++i) {
      float& scale = codes.scales[static_cast<std::size_t>(i)];
      if (scaling.rule == Rule::meanabs) {
        scale = coarse_scale(ranges::mean_scale(format_, x + i * row, row), 2);
        if (!(scale > 0)) scale = 1.0f;
      } else {
        const float most = kernels::absmax(x + i * row, row, nullptr, 1);
        scale = ranges::scale_of_range(format_, most > 0 ? most : whole);
      }
    }
    return;
  }
  if (scaling.rule == Rule::meanabs) {
    ranges::check_finite(ranges::absmax(x, count, nullptr));
    const float mean = ranges::mean_scale(format_, x, count);
    codes.scales[0] = mean > 0 ? coarse_scale(mean, 2) : 1.0f;
    return;
  }
  const bool known = scaling.smooth && (range_.floats()[0] != 0 || range_.floats()[1] != 0);
  float least = 0, most = 0;
  if (scaling.rule == Rule::minmax) {
    if (!known || pass.training) {
      ranges::minmax(x, count, &least, &most);
      ranges::check_finite(least);
      ranges::check_finite(most);
    } else {
      ranges::check_finite(ranges::absmax(x, count, nullptr));
    }
  } else {
    most = ranges::absmax(x, count, factors);
    ranges::check_finite(most);
    // Negative values become 0 and must not widen the grid.
    if (format_.grid.least() == 0 && (!known || pass.training)) {
      assert(!factors);
      most = 0;
      ranges::minmax(x, count, &least, &most);
    }
  }
  const float now_least = least, now_most = most;
  if (known) {
    least = range_.floats()[0];
    most = range_.floats()[1];
  }
  if (scaling.smooth && pass.training) smooth(now_least, now_most);
  if (scaling.rule != Rule::minmax) {
    codes.scales[0] = ranges::scale_of_range(format_, most);
    return;
  }
  const Affine affine = affine_of(least, most);
  codes.scales[0] = affine.scale;
  codes.zero_point = affine.zero_point;
}

// Scales, and what codes.outliers become in put_outliers: the whole codes. A filter has an outlier
// where its largest weight takes at least two times the largest code in steps that its others set,
// which it leaves some code but 0; else its scale is that of absmax. Encoded again, all give the
// same scales and codes.
void Quantizer::find_outliers(const Tensor& values, Tensor& codes) const {
  const std::int64_t rows = values.shape()[0], row = values.elements() / rows;
  const auto most_code = static_cast<float>(format_.grid.most());
  codes.scales.resize(static_cast<std::size_t>(rows));
  for (std::int64_t i = 0; i < rows; ++i) {
    const float* const x = values.floats() + i * row;
    const kernels::TwoLargest found = kernels::two_largest(x, row);
    float& scale = codes.scales[static_cast<std::size_t>(i)];
    scale = found.most > 0 ? ranges::scale_of_range(format_, found.most) : 0.0f;
    if (!(found.second > 0)) continue;
    // A code of at most 15 bits: where the others are too small for that, a power of two.
    const int exponent = ranges::exponent_above(found.most);
    const float least = std::ldexp(1.0f, std::max(exponent - 15, -100));
    const float by_others = found.second / most_code;
    const float fine =
        by_others > least ? coarse_scale(by_others, ranges::code_bits(format_.grid)) : least;
    auto code = static_cast<std::int32_t>(std::nearbyint(found.most / fine));
    // Encoded again, it must not ask for the next power of two.
    if (fine < 2 * least && static_cast<float>(code) * fine >= std::ldexp(1.0f, exponent)) --code;
    if (code < 2 * format_.grid.most() || std::nearbyint(found.second / fine) == 0) continue;
    scale = fine;
    const float* const at =
        std::find_if(x, x + row, [&](float v) { return std::abs(v) == found.most; });
    codes.outliers.push_back({i * row + (at - x), *at < 0 ? -code : code});
  }
  // A filter of zeros has no range; one of the others' keeps its errors in proportion.
  const float largest = *std::max_element(codes.scales.begin(), codes.scales.end());
  for (float& scale : codes.scales)
    if (scale == 0) scale = largest > 0 ? largest : 1.0f;
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
  const float most = known == 0 ? ranges::absmax(x, count, nullptr) : 0.0f;
  const int now = known == 0 ? ranges::exponent_above(most) : static_cast<int>(exponent);
  const float scale = std::ldexp(1.0f, now - (format_.grid.bits - 1));
  if (!pass.training) return scale;
  if (known == 0) {
    if (!(most > 0)) return scale;
    known = 1;
    exponent = static_cast<float>(now);
  }
  over += static_cast<float>(ranges::share_reaching(x, count, std::ldexp(1.0f, now)));
  half_over += static_cast<float>(ranges::share_reaching(x, count, std::ldexp(0.5f, now)));
  batches += 1;
  return scale;
}

float Quantizer::learned_scale(const Tensor& values, const Pass& pass) {
  float step = range_.floats()[0];
  if (!(step > 0)) {
    const std::int64_t count = values.elements();
    const double mean = ranges::sum_abs(values.floats(), count, -1.0f) / static_cast<double>(count);
    step = static_cast<float>(2 * mean / std::sqrt(static_cast<double>(format_.grid.most())));
    if (!(step > 1e-12f)) step = 1;
    if (pass.training) range_.floats()[0] = step;
  }
  return coarse_scale(step, ranges::code_bits(format_.grid));
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

}  // namespace octet

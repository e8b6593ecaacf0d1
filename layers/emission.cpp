#include "layers/emission.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "framework/check.h"
#include "framework/parallel.h"
#include "framework/random.h"
#include "layers/scale_kernels.h"

namespace octet {
namespace {

float at(std::span<const float> values, std::int64_t k) {
  return values.size() > 1 ? values[static_cast<std::size_t>(k)] : values[0];
}

// Runs the kernel for the element types of source and result.
template <class X>
void requantize_into(const X* x, std::int64_t count, const Requantization& how, Tensor& out,
                     std::int64_t first, Tally& tally) {
  if (out.element() == Element::uint8) {
    requantize(x, count, how, out.data<std::uint8_t>() + first, tally);
  } else {
    requantize(x, count, how, out.data<std::int8_t>() + first, tally);
  }
}

float code_at(const Tensor& codes, std::int64_t i) {
  return codes.element() == Element::uint8 ? static_cast<float>(codes.data<std::uint8_t>()[i])
                                           : static_cast<float>(codes.data<std::int8_t>()[i]);
}

// A row of sums, zeros where the mask has code 0 or `stop_code`, and the largest magnitudes.
OCTET_KERNEL void gather_masked(const std::int32_t* __restrict from, std::int64_t channels,
                                const std::uint8_t* __restrict mask, std::uint8_t stop_code,
                                std::int32_t* __restrict to, std::int32_t* __restrict most) {
  for (std::int64_t k = 0; k < channels; ++k) {
    const std::int32_t kept = -static_cast<std::int32_t>((mask[k] != 0) & (mask[k] != stop_code));
    const std::int32_t sum = from[k] & kept, magnitude = sum < 0 ? -sum : sum;
    to[k] = sum;
    most[k] = magnitude > most[k] ? magnitude : most[k];
  }
}

OCTET_KERNEL void gather_all(const std::int32_t* __restrict from, std::int64_t channels,
                             std::int32_t* __restrict to, std::int32_t* __restrict most) {
  for (std::int64_t k = 0; k < channels; ++k) {
    const std::int32_t magnitude = from[k] < 0 ? -from[k] : from[k];
    to[k] = from[k];
    most[k] = magnitude > most[k] ? magnitude : most[k];
  }
}

// Copies rows of sums, zeros where the mask (null: nowhere) has code 0 or `stop_code`, and finds
// the largest magnitude of each channel.
void gather(const std::int32_t* from, std::int64_t rows, std::int64_t channels,
            const std::uint8_t* mask, std::uint8_t stop_code, std::int32_t* to,
            std::int32_t* most) {
  for (std::int64_t begin = 0; begin < rows * channels; begin += channels)
    if (mask) {
      gather_masked(from + begin, channels, mask + begin, stop_code, to + begin, most);
    } else {
      gather_all(from + begin, channels, to + begin, most);
    }
}

std::uint64_t key_of_image(std::uint64_t key, std::int64_t image) {
  return mix(key + static_cast<std::uint64_t>(image));
}

}  // namespace

std::vector<Saturation> FlowLayer::take_saturation() {
  std::vector<Saturation> all;
  for (const auto& [role, quantizer] : quantizers()) {
    if (!quantizer->flows()) continue;
    Tally& tally = quantizer->tally();
    all.push_back({name(), role, tally.clipped, tally.underflowed, tally.counted});
    tally = {};
  }
  return all;
}

void Emission::set_term(const Outlet& outlet, std::int64_t channels, std::span<const float> values,
                        Columns& columns) {
  const bool single = values.size() == 1 && codes_scales_.size() == 1 && !outlet.factors;
  scaled_.resize(single ? 1 : static_cast<std::size_t>(channels));
  for (std::size_t k = 0; k < scaled_.size(); ++k) {
    const auto channel = static_cast<std::int64_t>(k);
    float value = at(values, channel);
    if (outlet.factors) value *= (*outlet.factors)[k];
    scaled_[k] = value / at(codes_scales_, channel);
    // The kernels' comparisons would lose a NaN.
    check(std::isfinite(scaled_[k]), Failure::numbers,
          "a factor of values to be quantised is not finite: the training has diverged");
  }
  columns.set(channels, scaled_);
}

void Emission::observe_first(const Outlet& outlet, const Pass& pass) {
  borrowed_range_ = !pass.training;
  if (outlet.factors)
    for (std::size_t k = 0; k < most_.size(); ++k) most_[k] *= (*outlet.factors)[k];
  float addend = 0;
  if (outlet.addend)
    for (const float scale : outlet.addend->scales) addend = std::max(addend, scale * 127);
  float largest = 0;
  for (float& most : most_) largest = std::max(largest, most += addend);
  if (outlet.quantizer->has_channels()) return outlet.quantizer->observe(most_);
  outlet.quantizer->observe({&largest, 1});
}

void Emission::find_scales(const Outlet& outlet) {
  zero_point_ = 0;
  if (outlet.least == 0) return outlet.quantizer->flow_scales(outlet.rectify, codes_scales_);
  const Quantizer::Affine affine = outlet.quantizer->flow_affine(outlet.least);
  codes_scales_.assign(1, affine.scale);
  zero_point_ = affine.zero_point;
}

// Factors and offsets in units of the scale of the codes that come out.
void Emission::prepare(const Outlet& outlet, const Pass& pass, const Shape& shape,
                       std::span<const float> scales, std::span<const float> offsets,
                       const Tensor* mask, Tensor& out) {
  const Quantizer& quantizer = *outlet.quantizer;
  const std::int64_t channels = shape.back();
  const bool is_unsigned = outlet.rectify || outlet.least < 0;
  out.resize(shape, is_unsigned ? Element::uint8 : Element::int8);
  out.scales = codes_scales_;
  out.zero_point = zero_point_;
  set_term(outlet, channels, scales, factor_);
  how_ = {.period = factor_.period(), .factor = factor_.data()};
  if (!offsets.empty()) {
    set_term(outlet, channels, offsets, offset_);
    how_.offset = offset_.data();
  }
  if (outlet.addend) {
    set_term(outlet, channels, outlet.addend->scales, addend_factor_);
    how_.terms[1] = {outlet.addend->raw(), outlet.addend->element() == Element::uint8,
                     addend_factor_.data()};
  }
  if (mask) {
    how_.mask = mask->data<std::uint8_t>();
    how_.stop_code = outlet.stop_code;
  }
  how_.zero_point = static_cast<float>(zero_point_);
  how_.most = quantizer.flow_most(is_unsigned);
  how_.least = is_unsigned ? 0.0f : -how_.most;
  how_.lowest = outlet.least / codes_scales_[0];
  how_.stochastic = quantizer.format().rounding == Rounding::stochastic;
  how_.metered = pass.metered;
  key_ = quantizer.key(pass);
}

void Emission::finish(const Outlet& outlet, const Pass& pass, const Tally& tally) {
  Quantizer& quantizer = *outlet.quantizer;
  // The ranges of channels are the business of who takes the codes (BatchNorm).
  if (pass.training && !quantizer.has_channels()) {
    const float most = tally.most * codes_scales_[0];
    quantizer.observe({&most, 1});
  }
  quantizer.tally().add(tally);
  if (borrowed_range_) quantizer.range().fill_zero();
}

void Emission::sums(const Outlet& outlet, const Pass& pass, const Shape& shape,
                    std::span<const float> scales, std::span<const float> offsets,
                    const Tensor* mask,
                    const std::function<void(const products::SumsBody&)>& product, Tensor& out) {
  const std::int64_t channels = shape.back(), image = shape.elements() / shape[0];
  borrowed_range_ = false;
  std::mutex merging;
  if (!outlet.quantizer) {
    assert(!mask && !outlet.addend && !outlet.factors);
    out.resize(shape);
    product([&](std::int64_t first, std::int64_t count, const std::int32_t* block) {
      kernels::scale_block(block, count * image / channels, channels, scales, offsets,
                           out.floats() + first * image);
    });
    return;
  }
  if (outlet.quantizer->finds_scale_late())
    return late_sums(outlet, pass, shape, scales, offsets, mask, product, out);
  if (!outlet.quantizer->knows_range()) {
    // Only now: the range is found by a pass of its own.
    most_.assign(static_cast<std::size_t>(channels), 0.0f);
    std::vector<float> factor(most_.size());
    for (std::int64_t k = 0; k < channels; ++k) factor[static_cast<std::size_t>(k)] = at(scales, k);
    product([&](std::int64_t, std::int64_t count, const std::int32_t* block) {
      std::vector<float> most(most_.size());
      channel_absmax(block, count * image / channels, channels, factor.data(),
                     offsets.empty() ? nullptr : offsets.data(), most.data());
      const std::lock_guard lock(merging);
      for (std::size_t k = 0; k < most.size(); ++k) most_[k] = std::max(most_[k], most[k]);
    });
    observe_first(outlet, pass);
  }
  find_scales(outlet);
  prepare(outlet, pass, shape, scales, offsets, mask, out);
  Tally total;
  product([&](std::int64_t first, std::int64_t count, const std::int32_t* block) {
    Tally tally;
    Requantization how = how_;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t begin = (first + i) * image;
      if (how_.terms[1].codes)
        how.terms[1].codes = static_cast<const std::uint8_t*>(how_.terms[1].codes) + begin;
      if (how_.mask) how.mask = how_.mask + begin;
      how.key = key_of_image(key_, first + i);
      requantize_into(block + i * image, image, how, out, begin, tally);
    }
    const std::lock_guard lock(merging);
    total.add(tally);
  });
  finish(outlet, pass, total);
}

void Emission::late_sums(const Outlet& outlet, const Pass& pass, const Shape& shape,
                         std::span<const float> scales, std::span<const float> offsets,
                         const Tensor* mask,
                         const std::function<void(const products::SumsBody&)>& product,
                         Tensor& out) {
  assert(offsets.empty() && !outlet.addend && !outlet.factors && !outlet.rectify &&
         outlet.least == 0);
  const std::int64_t channels = shape.back(), images = shape[0], image = shape.elements() / images;
  gathered_.resize(shape, Element::int32);
  std::vector<std::int32_t> most(static_cast<std::size_t>(channels), 0);
  std::mutex merging;
  product([&](std::int64_t first, std::int64_t count, const std::int32_t* block) {
    std::int32_t* const to = gathered_.data<std::int32_t>() + first * image;
    std::vector<std::int32_t> largest(most.size(), 0);
    const std::uint8_t* const keep = mask ? mask->data<std::uint8_t>() + first * image : nullptr;
    gather(block, count * image / channels, channels, keep, outlet.stop_code, to, largest.data());
    const std::lock_guard lock(merging);
    for (std::size_t k = 0; k < most.size(); ++k) most[k] = std::max(most[k], largest[k]);
  });
  float range = 0;
  for (std::int64_t k = 0; k < channels; ++k)
    range = std::max(
        range, std::abs(at(scales, k)) * static_cast<float>(most[static_cast<std::size_t>(k)]));
  codes_scales_.assign(1, outlet.quantizer->late_scale(range));
  zero_point_ = 0;
  prepare(outlet, pass, shape, scales, offsets, nullptr, out);
  Tally total;
  parallel_for(images, std::max<std::int64_t>(1, (1 << 14) / image),
               [&](std::int64_t begin, std::int64_t end) {
                 Tally tally;
                 Requantization how = how_;
                 for (std::int64_t i = begin; i < end; ++i) {
                   how.key = key_of_image(key_, i);
                   requantize_into(gathered_.data<std::int32_t>() + i * image, image, how, out,
                                   i * image, tally);
                 }
                 const std::lock_guard lock(merging);
                 total.add(tally);
               });
  finish(outlet, pass, total);
}

void Emission::codes(const Outlet& outlet, const Pass& pass, const EmittedTerm& first,
                     const EmittedTerm& second, std::span<const float> offsets, const Tensor* mask,
                     Tensor& out) {
  const Tensor& x = *first.codes;
  assert(x.zero_point == 0 && (!second.codes || second.codes->zero_point == 0) &&
         (!outlet.addend || outlet.addend->zero_point == 0));
  const Shape& shape = x.shape();
  const std::int64_t channels = shape.back(), images = shape[0], image = x.elements() / images;
  borrowed_range_ = false;
  if (!outlet.quantizer) {
    assert(!mask && !outlet.factors && !outlet.addend);
    out.resize(shape);
    parallel_for(images, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin * image; i < end * image; ++i) {
        const std::int64_t k = i % channels;
        float v = at(first.scales, k) * code_at(x, i);
        if (second.codes) v += at(second.scales, k) * code_at(*second.codes, i);
        if (!offsets.empty()) v += at(offsets, k);
        out.floats()[i] = v;
      }
    });
    return;
  }
  if (!outlet.quantizer->knows_range()) {
    most_.assign(static_cast<std::size_t>(channels), 0.0f);
    for (std::int64_t i = 0; i < x.elements(); ++i) {
      const std::int64_t k = i % channels;
      float v = at(first.scales, k) * code_at(x, i);
      if (second.codes) v += at(second.scales, k) * code_at(*second.codes, i);
      if (!offsets.empty()) v += at(offsets, k);
      most_[static_cast<std::size_t>(k)] =
          std::max(most_[static_cast<std::size_t>(k)], std::abs(v));
    }
    observe_first(outlet, pass);
  }
  find_scales(outlet);
  prepare(outlet, pass, shape, first.scales, offsets, mask, out);
  if (second.codes) {
    set_term(outlet, channels, second.scales, second_factor_);
    how_.terms[0] = {second.codes->raw(), second.codes->element() == Element::uint8,
                     second_factor_.data()};
  }
  Tally total;
  std::mutex merging;
  parallel_for(images, std::max<std::int64_t>(1, (1 << 14) / image),
               [&](std::int64_t begin, std::int64_t end) {
                 Tally tally;
                 Requantization how = how_;
                 for (std::int64_t i = begin; i < end; ++i) {
                   const std::int64_t at = i * image;
                   for (int t = 0; t < 2; ++t)
                     if (how_.terms[t].codes)
                       how.terms[t].codes =
                           static_cast<const std::uint8_t*>(how_.terms[t].codes) + at;
                   if (how_.mask) how.mask = how_.mask + at;
                   how.key = key_of_image(key_, i);
                   if (x.element() == Element::uint8) {
                     requantize_into(x.data<std::uint8_t>() + at, image, how, out, at, tally);
                   } else {
                     requantize_into(x.data<std::int8_t>() + at, image, how, out, at, tally);
                   }
                 }
                 const std::lock_guard lock(merging);
                 total.add(tally);
               });
  finish(outlet, pass, total);
}

}  // namespace octet

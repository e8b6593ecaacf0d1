#include "optim/lookahead.h"

#include <cmath>

#include "framework/parallel.h"

namespace octet {
namespace {

OCTET_KERNEL void mix_kernel(float* slow, float* fast, std::int64_t begin, std::int64_t end,
                             float share_of_fast) {
  for (std::int64_t i = begin; i < end; ++i) {
    slow[i] += share_of_fast * (fast[i] - slow[i]);
    fast[i] = slow[i];
  }
}

}  // namespace

Lookahead::Lookahead(Values fast, const Options& options)
    : fast_(std::move(fast)), options_(options) {
  for (const auto& [name, tensor] : fast_) slow_.push_back(*tensor);
}

void Lookahead::mix(float share_of_slow) {
  for (std::size_t i = 0; i < fast_.size(); ++i) {
    float* const fast = fast_[i].second->floats();
    parallel_for(slow_[i].elements(), 1 << 15, [&](std::int64_t begin, std::int64_t end) {
      mix_kernel(slow_[i].floats(), fast, begin, end, 1 - share_of_slow);
    });
  }
}

void Lookahead::after_step(std::int64_t step, std::int64_t steps) {
  if (step % options_.every != 0) return;
  const double progress = static_cast<double>(step) / static_cast<double>(steps);
  mix(static_cast<float>(std::pow(options_.decay, static_cast<double>(options_.every)) * progress *
                         progress * progress));
}

void Lookahead::finish() { mix(1); }

Lookahead::Values Lookahead::state() {
  Values all;
  for (std::size_t i = 0; i < fast_.size(); ++i)
    all.emplace_back("lookahead." + fast_[i].first, &slow_[i]);
  return all;
}

}  // namespace octet

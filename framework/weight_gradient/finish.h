// Adds the parts' sums, rounds them to float32 and writes them in the order of the weights.
#pragma once

#include <vector>

#include "framework/weight_gradient/part.h"

namespace octet::weight_gradient {

struct Result {
  const Layout* layout;
  std::vector<const Part*> parts;  // the same channels, other lines
  const std::int64_t* error_sums;  // by filter, over all parts
  const float* scales;
  std::int64_t scale_step;  // 0: one scale for all filters
  float* gradient;          // of the group's first filter
};

/// One block of filters, whose sums begin at `at`.
void finish_block(const Result& result, const Block& block, std::int64_t at, std::int64_t first,
                  std::int64_t last);

/// All filters, channels first .. last - 1 of those that the parts hold, counted from their first.
void finish(const Result& result, std::int64_t first, std::int64_t last);

}  // namespace octet::weight_gradient

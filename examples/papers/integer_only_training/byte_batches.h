// Batches of pictures as the bytes that they are: training without floating point begins here.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "framework/data_loader.h"
#include "framework/dataset.h"

namespace octet::papers {

struct ByteBatch {
  std::int64_t count = 0;
  std::vector<std::uint8_t> pixels;  ///< count x H x W x C
  std::vector<std::int32_t> labels;  ///< count
};

/// Calls `body` with all batches of an epoch, in an order that (seed, epoch) decides; the last one
/// may be smaller. `transform`, unless empty, changes each picture.
void each_batch(const Dataset& dataset, std::int64_t batch, std::uint64_t seed, std::int64_t epoch,
                const Transform& transform, const std::function<void(const ByteBatch&)>& body);

/// The same in the order of the data set, unchanged.
void each_batch_in_order(const Dataset& dataset, std::int64_t batch,
                         const std::function<void(const ByteBatch&)>& body);

/// Index of the largest of `count` scores; the first of equals.
template <class Score>
std::int32_t answer(const Score* scores, std::int64_t count) {
  std::int32_t best = 0;
  for (std::int32_t c = 1; c < count; ++c)
    if (scores[c] > scores[best]) best = c;
  return best;
}

}  // namespace octet::papers

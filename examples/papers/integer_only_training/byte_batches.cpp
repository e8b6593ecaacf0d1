#include "examples/papers/integer_only_training/byte_batches.h"

#include <algorithm>
#include <numeric>

#include "framework/parallel.h"
#include "framework/random.h"

namespace octet::papers {
namespace {

void run(const Dataset& dataset, std::int64_t batch, const std::vector<std::int64_t>& order,
         const Transform& transform, std::uint64_t key,
         const std::function<void(const ByteBatch&)>& body) {
  const std::int64_t size = dataset.image.elements();
  ByteBatch now;
  for (std::int64_t first = 0; first < dataset.size(); first += batch) {
    now.count = std::min(batch, dataset.size() - first);
    now.pixels.resize(static_cast<std::size_t>(now.count * size));
    now.labels.resize(static_cast<std::size_t>(now.count));
    parallel_for(now.count, 64, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t from = order[static_cast<std::size_t>(first + i)];
        std::uint8_t* const picture = now.pixels.data() + i * size;
        std::copy_n(dataset.picture(from), size, picture);
        if (transform)
          transform(dataset.image, picture,
                    {.random = mix(key ^ static_cast<std::uint64_t>(first + i))});
        now.labels[static_cast<std::size_t>(i)] = dataset.labels[static_cast<std::size_t>(from)];
      }
    });
    body(now);
  }
}

std::vector<std::int64_t> in_order(std::int64_t count) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

}  // namespace

void each_batch(const Dataset& dataset, std::int64_t batch, std::uint64_t seed, std::int64_t epoch,
                const Transform& transform, const std::function<void(const ByteBatch&)>& body) {
  const std::uint64_t key =
      random_key(seed, stream_of("order of pictures"), static_cast<std::uint64_t>(epoch));
  std::vector<std::int64_t> order = in_order(dataset.size());
  for (std::size_t i = order.size(); i > 1; --i)
    std::swap(
        order[i - 1],
        order[uniform_below(key, static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(i))]);
  run(dataset, batch, order, transform, key, body);
}

void each_batch_in_order(const Dataset& dataset, std::int64_t batch,
                         const std::function<void(const ByteBatch&)>& body) {
  run(dataset, batch, in_order(dataset.size()), {}, 0, body);
}

}  // namespace octet::papers

#include "framework/dataset.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <mutex>

#include "framework/check.h"
#include "framework/parallel.h"
#include "framework/random.h"

namespace octet {
namespace {

// How many of `count` held-out pictures each class gives: its share, the rest to the classes whose
// shares were cut most.
std::vector<std::int64_t> shares(const Dataset& from, std::int64_t count) {
  std::vector<std::int64_t> sizes(from.classes.size());
  for (const std::int32_t label : from.labels) ++sizes[static_cast<std::size_t>(label)];
  std::vector<std::int64_t> taken(sizes.size()), cut(sizes.size());
  std::int64_t left = count;
  for (std::size_t c = 0; c < sizes.size(); ++c) {
    taken[c] = count * sizes[c] / from.size();
    cut[c] = count * sizes[c] % from.size();
    left -= taken[c];
  }
  for (; left > 0; --left) {
    const auto most = std::max_element(cut.begin(), cut.end());
    *most = -1;
    ++taken[static_cast<std::size_t>(most - cut.begin())];
  }
  return taken;
}

Dataset like(const Dataset& from, std::int64_t count) {
  Dataset dataset{from.name, from.image, {}, {}, from.classes};
  dataset.pixels.reserve(static_cast<std::size_t>(count * from.image.elements()));
  dataset.labels.reserve(static_cast<std::size_t>(count));
  return dataset;
}

}  // namespace

Normalization measure_normalization(const Dataset& dataset) {
  check(dataset.size() > 0, Failure::data, dataset.name, ": expected pictures, got none");
  const auto channels = static_cast<std::size_t>(dataset.image.back());
  const std::int64_t grain = 256;
  // Integers: their sums do not depend on the order in which threads finish.
  std::vector<std::array<std::uint64_t, 2>> sums(channels);
  std::mutex mutex;
  parallel_for(dataset.size(), grain, [&](std::int64_t first, std::int64_t last) {
    std::vector<std::array<std::uint64_t, 2>> part(channels);
    std::size_t channel = 0;
    for (const std::uint8_t* at = dataset.picture(first); at != dataset.picture(last); ++at) {
      part[channel][0] += *at;
      part[channel][1] += std::uint64_t{*at} * *at;
      if (++channel == channels) channel = 0;
    }
    const std::lock_guard lock(mutex);
    for (std::size_t c = 0; c < channels; ++c)
      for (std::size_t power = 0; power < 2; ++power) sums[c][power] += part[c][power];
  });
  const double count = static_cast<double>(dataset.pixels.size() / channels);
  Normalization result;
  for (const auto& [sum, squares] : sums) {
    const double mean = static_cast<double>(sum) / count;
    const double variance = std::max(static_cast<double>(squares) / count - mean * mean, 0.0);
    result.mean.push_back(static_cast<float>(mean / 255));
    result.deviation.push_back(static_cast<float>(std::max(std::sqrt(variance), 1.0) / 255));
  }
  return result;
}

Dataset hold_out(Dataset& from, std::int64_t count, std::uint64_t seed) {
  check(count >= 0 && count <= from.size(), Failure::usage, from.name, ": cannot hold out ", count,
        " of ", from.size(), " pictures");
  if (count == 0) return like(from, 0);
  std::vector<std::vector<std::int64_t>> members(from.classes.size());
  for (std::int64_t i = 0; i < from.size(); ++i)
    members[static_cast<std::size_t>(from.labels[static_cast<std::size_t>(i)])].push_back(i);
  const std::vector<std::int64_t> taken = shares(from, count);
  const std::uint64_t key = random_key(seed, stream_of("hold_out"), 0);
  const auto rank = [key](std::int64_t i) { return mix(key + static_cast<std::uint64_t>(i)); };
  std::vector<bool> held(static_cast<std::size_t>(from.size()));
  for (std::size_t c = 0; c < members.size(); ++c) {
    std::sort(members[c].begin(), members[c].end(),
              [&](std::int64_t a, std::int64_t b) { return rank(a) < rank(b); });
    for (std::int64_t i = 0; i < taken[c]; ++i)
      held[static_cast<std::size_t>(members[c][static_cast<std::size_t>(i)])] = true;
  }
  Dataset out = like(from, count), rest = like(from, from.size() - count);
  for (std::int64_t i = 0; i < from.size(); ++i) {
    Dataset& to = held[static_cast<std::size_t>(i)] ? out : rest;
    to.pixels.insert(to.pixels.end(), from.picture(i), from.picture(i + 1));
    to.labels.push_back(from.labels[static_cast<std::size_t>(i)]);
  }
  from = std::move(rest);
  return out;
}

}  // namespace octet

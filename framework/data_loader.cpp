#include "framework/data_loader.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "framework/check.h"
#include "framework/random.h"

namespace octet {

DataLoader::DataLoader(const Dataset& dataset, Options options)
    : dataset_(dataset), options_(std::move(options)) {
  check(options_.batch > 0, Failure::usage, "a batch holds at least one picture, got ",
        options_.batch);
  const auto channels = static_cast<std::size_t>(dataset.image.back());
  Normalization& normalization = options_.normalization;
  if (normalization.mean.empty()) normalization.mean.assign(channels, 0.0f);
  if (normalization.deviation.empty()) normalization.deviation.assign(channels, 1.0f);
  check(normalization.mean.size() == channels && normalization.deviation.size() == channels,
        Failure::usage, dataset.name, ": the pictures have ", channels,
        " channels, the normalization has ", normalization.mean.size(), " means and ",
        normalization.deviation.size(), " deviations");
}

DataLoader::~DataLoader() {
  if (filling_.valid()) filling_.wait();
}

std::int64_t DataLoader::batches() const {
  const std::int64_t whole = dataset_.size() / options_.batch;
  return whole + (!options_.drop_last && dataset_.size() % options_.batch > 0);
}

std::int64_t DataLoader::pictures() const {
  return std::min(dataset_.size(), batches() * options_.batch);
}

void DataLoader::start(std::int64_t epoch, std::int64_t first) {
  if (filling_.valid()) filling_.wait();
  filling_ = {};
  epoch_ = epoch;
  next_ = first;
  order_.resize(static_cast<std::size_t>(dataset_.size()));
  std::iota(order_.begin(), order_.end(), std::int64_t{0});
  if (options_.shuffle) {
    const std::uint64_t key =
        random_key(options_.seed, stream_of("shuffle"), static_cast<std::uint64_t>(epoch));
    for (auto i = static_cast<std::uint32_t>(order_.size()); i > 1; --i)
      std::swap(order_[i - 1], order_[uniform_below(key, i, i)]);
  }
  if (next_ < batches())
    filling_ = std::async(std::launch::async, [this] { fill(coming_, next_); });
}

const Batch* DataLoader::next() {
  // A loader that was never started begins with epoch 0 rather than look empty.
  if (order_.empty()) start(0);
  if (!filling_.valid()) return nullptr;
  filling_.get();
  std::swap(current_, coming_);
  if (++next_ < batches())
    filling_ = std::async(std::launch::async, [this] { fill(coming_, next_); });
  return &current_;
}

// Runs beside the compute threads, so it is a plain loop on one thread.
void DataLoader::fill(Batch& batch, std::int64_t number) const {
  const std::int64_t first = number * options_.batch;
  const std::int64_t count = std::min(options_.batch, dataset_.size() - first);
  const auto channels = static_cast<std::size_t>(dataset_.image.back());
  const std::int64_t elements = dataset_.image.elements();
  std::vector<float> values(256 * channels);
  for (std::size_t byte = 0; byte < 256; ++byte)
    for (std::size_t c = 0; c < channels; ++c)
      values[byte * channels + c] =
          (static_cast<float>(byte) / 255.0f - options_.normalization.mean[c]) /
          options_.normalization.deviation[c];
  const std::uint64_t epoch_key =
      random_key(options_.seed, stream_of("transform"), static_cast<std::uint64_t>(epoch_));
  const std::uint64_t run_key = random_key(options_.seed, stream_of("picture"), 0);
  batch.images.resize(dataset_.image.with_front(count));
  batch.labels.resize(static_cast<std::size_t>(count));
  std::vector<std::uint8_t> changed(static_cast<std::size_t>(elements));
  float* out = batch.images.floats();
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t index = order_[static_cast<std::size_t>(first + i)];
    batch.labels[static_cast<std::size_t>(i)] = dataset_.labels[static_cast<std::size_t>(index)];
    const std::uint8_t* picture = dataset_.picture(index);
    if (options_.transform) {
      std::copy_n(picture, elements, changed.begin());
      options_.transform(dataset_.image, changed.data(),
                         {.random = mix(epoch_key ^ static_cast<std::uint64_t>(index)),
                          .constant = mix(run_key ^ static_cast<std::uint64_t>(index)),
                          .epoch = epoch_});
      picture = changed.data();
    }
    for (std::int64_t pixel = 0; pixel < elements; pixel += static_cast<std::int64_t>(channels))
      for (std::size_t c = 0; c < channels; ++c) *out++ = values[*picture++ * channels + c];
  }
}

}  // namespace octet

// Batches out of a Dataset: shuffled, transformed, normalised; the next one is prepared while this
// one trains. Batch and order depend on (seed, epoch) only, never on timing or threads.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <vector>

#include "framework/dataset.h"
#include "framework/tensor.h"

namespace octet {

struct Batch {
  Tensor images;                     ///< float32, N x H x W x C, (byte / 255 - mean) / deviation
  std::vector<std::int32_t> labels;  ///< N
};

/// What a picture's change depends on.
struct PictureKey {
  std::uint64_t random = 0;    ///< selects random numbers of this picture in this epoch
  std::uint64_t constant = 0;  ///< selects numbers that are this picture's in every epoch
  std::int64_t epoch = 0;
};
/// Changes one picture (H x W x C bytes) in place.
using Transform =
    std::function<void(const Shape& image, std::uint8_t* picture, const PictureKey& key)>;

class DataLoader {
 public:
  struct Options {
    std::int64_t batch = 64;
    bool shuffle = false;
    bool drop_last = false;  ///< leave out a last batch that is not full
    std::uint64_t seed = 0;
    Normalization normalization{};
    Transform transform{};  ///< none when empty
  };

  /// `dataset` must outlive the loader.
  DataLoader(const Dataset& dataset, Options options);
  ~DataLoader();

  std::int64_t batches() const;
  /// Pictures of an epoch: the dataset's size, less what drop_last leaves out.
  std::int64_t pictures() const;

  /// Begins epoch `epoch` at batch `first`: what is left is the same as if batches 0 .. first - 1
  /// had been taken.
  void start(std::int64_t epoch, std::int64_t first = 0);
  /// The next batch, valid until the next call of next or start; null after the last.
  const Batch* next();

 private:
  void fill(Batch& batch, std::int64_t number) const;

  const Dataset& dataset_;
  Options options_;
  std::vector<std::int64_t> order_;
  std::int64_t epoch_ = 0;
  std::int64_t next_ = 0;
  Batch current_, coming_;
  std::future<void> filling_;
};

}  // namespace octet

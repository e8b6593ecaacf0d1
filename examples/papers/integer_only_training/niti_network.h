// NITI: Training integer neural networks using integer-only arithmetic. Wang, Rasoulinezhad, Leong,
// So 2020 (2009.13108). A chain of layers between codes of pixels and NITI's cross-entropy.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "examples/papers/integer_only_training/niti_layers.h"
#include "framework/dataset.h"

namespace octet::papers {

/// What each byte of a pixel becomes, once and for all: the code of (byte / 255 - mean) /
/// deviation, under the least exponent at which all fit.
class PixelCodes {
 public:
  explicit PixelCodes(const Normalization& normalization);
  /// `pixels`: images of shape N x H x W x C, one after the other.
  void encode(const std::uint8_t* pixels, const Shape& images, NitiTensor& codes) const;

 private:
  std::vector<std::int8_t> table_;  // channels x 256
  int exponent_ = 0;
};

class NitiNetwork {
 public:
  /// conv5 20, pool, conv5 50, pool, 500, classes; a ReLU after each layer but the last.
  static NitiNetwork lenet(const Shape& image, std::int64_t classes, std::uint64_t seed);
  /// conv3 128, 128, pool, 256, 256, pool, 512, 512, pool, dropout, classes.
  static NitiNetwork vgg_small_7(const Shape& image, std::int64_t classes, std::uint64_t seed);

  /// Scores, N x classes; valid until the next call.
  const NitiTensor& forward(const NitiTensor& images, const NitiPass& pass);
  /// One step on the images that `forward` has seen last.
  void backward(const std::vector<std::int32_t>& labels, const NitiPass& pass);

  const std::vector<std::unique_ptr<NitiLayer>>& layers() const { return layers_; }
  /// 16 hexadecimal digits over all weights.
  std::string state_hash() const;

 private:
  template <class Layer, class... Arguments>
  void add(Arguments... arguments) {
    layers_.push_back(std::make_unique<Layer>(arguments...));
  }
  std::vector<std::unique_ptr<NitiLayer>> layers_;
  const NitiTensor* scores_ = nullptr;
  NitiTensor error_;
};

}  // namespace octet::papers

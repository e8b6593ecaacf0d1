#include "examples/papers/integer_only_training/niti_network.h"

#include <algorithm>
#include <cmath>

#include "examples/cli/session.h"
#include "examples/papers/integer_only_training/niti_loss.h"
#include "examples/papers/integer_only_training/niti_rounding.h"
#include "framework/parallel.h"
#include "framework/random.h"

namespace octet::papers {

PixelCodes::PixelCodes(const Normalization& normalization) {
  std::vector<double> values;
  for (std::size_t c = 0; c < normalization.mean.size(); ++c)
    for (int byte = 0; byte < 256; ++byte)
      values.push_back((byte / 255.0 - normalization.mean[c]) / normalization.deviation[c]);
  double largest = 0;
  for (const double value : values) largest = std::max(largest, std::abs(value));
  exponent_ = static_cast<int>(std::ceil(std::log2(largest))) - niti_bits;
  for (const double value : values)
    table_.push_back(niti_clip(std::lround(std::ldexp(value, -exponent_))));
}

void PixelCodes::encode(const std::uint8_t* pixels, const Shape& images, NitiTensor& codes) const {
  codes.codes.resize(images, Element::int8);
  codes.exponent = exponent_;
  auto* const to = codes.codes.data<std::int8_t>();
  const std::int64_t channels = images.back();
  parallel_for(images.elements() / channels, 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      for (std::int64_t c = 0; c < channels; ++c)
        to[i * channels + c] = table_[static_cast<std::size_t>(256 * c + pixels[i * channels + c])];
  });
}

NitiNetwork NitiNetwork::lenet(const Shape& image, std::int64_t classes, std::uint64_t seed) {
  NitiNetwork network;
  const auto key = [&](std::uint64_t layer) {
    return random_key(seed, stream_of("weights"), layer);
  };
  const auto extent = [](std::int64_t size) { return ((size - 4) / 2 - 4) / 2; };
  network.add<NitiConvolution>(image[2], 20, 5, 0, key(0));
  network.add<NitiRelu>();
  network.add<NitiMaxPool>();
  network.add<NitiConvolution>(20, 50, 5, 0, key(1));
  network.add<NitiRelu>();
  network.add<NitiMaxPool>();
  network.add<NitiLinear>(extent(image[0]) * extent(image[1]) * 50, 500, key(2));
  network.add<NitiRelu>();
  network.add<NitiLinear>(500, classes, key(3));
  return network;
}

NitiNetwork NitiNetwork::vgg_small_7(const Shape& image, std::int64_t classes, std::uint64_t seed) {
  NitiNetwork network;
  std::uint64_t layer = 0;
  const auto key = [&] { return random_key(seed, stream_of("weights"), layer++); };
  std::int64_t channels = image[2];
  for (const std::int64_t next : {128, 256, 512}) {
    for (int i = 0; i < 2; ++i) {
      network.add<NitiConvolution>(channels, next, 3, 1, key());
      network.add<NitiRelu>();
      channels = next;
    }
    network.add<NitiMaxPool>();
  }
  network.add<NitiDropout>();
  network.add<NitiLinear>(image[0] / 8 * (image[1] / 8) * channels, classes, key());
  return network;
}

const NitiTensor& NitiNetwork::forward(const NitiTensor& images, const NitiPass& pass) {
  const NitiTensor* now = &images;
  for (const auto& layer : layers_) now = &layer->forward(*now, pass);
  scores_ = now;
  return *now;
}

void NitiNetwork::backward(const std::vector<std::int32_t>& labels, const NitiPass& pass) {
  niti_cross_entropy_error(*scores_, labels, pass.key, error_);
  const NitiTensor* error = &error_;
  for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer)
    error = (*layer)->backward(*error, pass, layer + 1 != layers_.rend());
}

std::string NitiNetwork::state_hash() const {
  std::uint64_t hash = 0;
  for (const auto& layer : layers_)
    if (const Tensor* weight = layer->weight())
      for (std::int64_t i = 0; i < weight->elements(); ++i)
        hash = mix(hash ^ static_cast<std::uint8_t>(weight->data<std::int8_t>()[i]));
  return cli::format_text("%016llx", static_cast<unsigned long long>(hash));
}

}  // namespace octet::papers

// Models of every kind of tensor that a file must hold, and forged checksums.
#pragma once

#include <zlib.h>

#include <limits>
#include <string>

#include "framework/files.h"
#include "framework/model.h"
#include "tests/quant/compression/helpers.h"

namespace octet::compression_test {

/// A definition of one layer, which is all that a file asks for.
inline Model empty_model() {
  return {parse_definition("network name=tiny input=4x4x1\nlinear units=2\n", "test"), {}, {}};
}

/// `clusters` values at random places, `density` of them not zero.
inline Tensor clustered(Draw& draw, const Shape& shape, std::uint32_t clusters, float density) {
  Tensor tensor(shape);
  for (std::int64_t i = 0; i < tensor.elements(); ++i) {
    const auto cluster = static_cast<float>(draw.below(clusters) + 1);
    tensor.floats()[i] = draw.real() < density ? cluster * 0.37f - 3.0f : 0.0f;
  }
  return tensor;
}

/// Any bits: NaN, infinities, denormals and minus zero among them.
inline Tensor any_bits(Draw& draw, const Shape& shape, Element element) {
  Tensor tensor(shape, element);
  auto* const bytes = static_cast<std::uint8_t*>(tensor.raw());
  for (std::size_t i = 0; i < tensor.bytes(); ++i)
    bytes[i] = static_cast<std::uint8_t>(draw.below(256));
  return tensor;
}

inline Tensor filled(const Shape& shape, float value) {
  Tensor tensor(shape);
  std::fill_n(tensor.floats(), tensor.elements(), value);
  return tensor;
}

inline Model random_model(std::uint64_t seed) {
  Draw draw(seed);
  const auto extent = [&](std::uint32_t most) { return std::int64_t{1 + draw.below(most)}; };
  Model model{parse_definition("network name=random input=28x28x3\nconvolution channels=8 kernel=3 "
                               "padding=1\nmax_pool window=2\nlinear units=classes\n",
                               "test"),
              {},
              {}};
  for (std::uint32_t i = draw.below(5); i > 0; --i)
    model.attributes["key" + std::to_string(i)] =
        std::string(draw.below(200), static_cast<char>(draw.below(256)));
  auto& tensors = model.tensors;
  tensors["conv1.weight"] = clustered(draw, Shape{extent(20), 5, 5, 3}, 1 + draw.below(300), 0.6f);
  tensors["fc1.weight"] = clustered(draw, Shape{extent(50), extent(400)}, 31, 0.08f);
  tensors["fc2.weight"] = clustered(draw, Shape{extent(10), extent(3000)}, 5, 0.01f);
  tensors["fc3.weight"] = clustered(draw, Shape{extent(10), extent(300)}, 3, 1.0f);
  tensors["fc1.bias"] = any_bits(draw, Shape{extent(100)}, Element::float32);
  tensors["none"] = Tensor();
  tensors["empty"] = Tensor(Shape{3, 0, 5});
  tensors["scalar"] = filled(Shape{1}, draw.normal());
  tensors["zeros"] = filled(Shape{extent(5000)}, 0.0f);
  tensors["constant"] = filled(Shape{extent(3000)}, -0.0f);
  tensors["nan"] = filled(Shape{100}, std::numeric_limits<float>::quiet_NaN());
  tensors["huge.gap"] = filled(Shape{extent(20000)}, 0.0f);
  tensors["huge.gap"]
      .floats()[draw.below(static_cast<std::uint32_t>(tensors["huge.gap"].elements()))] = 1e-42f;
  for (const Element element : {Element::bfloat16, Element::int8, Element::uint8, Element::int32}) {
    Tensor tensor = any_bits(draw, Shape{extent(9), extent(9)}, element);
    tensor.zero_point = static_cast<std::int32_t>(draw.below(0xffffffffu));
    tensor.scales.assign(draw.below(2) ? static_cast<std::size_t>(tensor.shape()[0]) : 1,
                         draw.normal());
    tensors[std::string(name_of(element)) + ".codes"] = std::move(tensor);
  }
  return model;
}

/// Makes the last four bytes the checksum of the others.
inline void forge_checksum(Bytes& bytes) {
  if (bytes.size() < 4) return;
  const auto sum = static_cast<std::uint32_t>(crc32_z(0, bytes.data(), bytes.size() - 4));
  std::memcpy(bytes.data() + bytes.size() - 4, &sum, 4);
}

}  // namespace octet::compression_test

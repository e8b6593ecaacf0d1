#include "examples/papers/deep_compression/synthetic_networks.h"

#include <cmath>
#include <string>

#include "framework/check.h"
#include "framework/parallel.h"
#include "framework/random.h"

namespace octet::papers {
namespace {

constexpr std::string_view alexnet = R"(
network name=alexnet input=227x227x3
convolution name=conv1 channels=96 kernel=11 stride=4
relu
max_pool window=3 stride=2
convolution name=conv2 channels=256 kernel=5 padding=2 groups=2
relu
max_pool window=3 stride=2
convolution name=conv3 channels=384 kernel=3 padding=1
relu
convolution name=conv4 channels=384 kernel=3 padding=1 groups=2
relu
convolution name=conv5 channels=256 kernel=3 padding=1 groups=2
relu
max_pool window=3 stride=2
linear name=fc6 units=4096
relu
linear name=fc7 units=4096
relu
linear name=fc8 units=1000
)";

std::string vgg16() {
  struct Block {
    int channels, convolutions;
  };
  std::string text = "network name=vgg16 input=224x224x3\n";
  int number = 0;
  for (const Block& block : {Block{64, 2}, {128, 2}, {256, 3}, {512, 3}, {512, 3}}) {
    ++number;
    for (int i = 1; i <= block.convolutions; ++i)
      text += join("convolution name=conv", number, "_", i, " channels=", block.channels,
                   " kernel=3 padding=1\nrelu\n");
    text += "max_pool window=2\n";
  }
  return text +
         "linear name=fc6 units=4096\nrelu\nlinear name=fc7 units=4096\nrelu\n"
         "linear name=fc8 units=1000\n";
}

void draw(Tensor& tensor, std::uint64_t key, double deviation) {
  float* const values = tensor.floats();
  // Two-sided exponential: its variance is twice the square of its scale.
  const auto scale = static_cast<float>(deviation / std::sqrt(2.0));
  parallel_for(tensor.elements(), 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const float u = 2 * uniform(key, static_cast<std::uint32_t>(i)) - 1;
      const float size = -scale * std::log(1 - std::abs(u) + 0x1p-25f);
      values[i] = u < 0 ? -size : size;
    }
  });
}

}  // namespace

Definition large_network(std::string_view name) {
  check(name == "alexnet" || name == "vgg16", Failure::usage,
        "expected network alexnet or vgg16, got '", name, "'");
  return parse_definition(name == "alexnet" ? std::string(alexnet) : vgg16(), name);
}

Model synthetic_model(const Definition& definition, std::uint64_t seed) {
  constexpr std::int64_t most = 1 << 20;
  Model model;
  model.definition = definition;
  std::int64_t h = definition.input[0], w = definition.input[1], c = definition.input[2];
  const auto add = [&](const Spec& spec, const Shape& shape) {
    const std::string* const name = spec.find("name");
    check(name != nullptr, Failure::usage, "a layer with weights needs a name here: ", spec.kind);
    Tensor weight(shape), bias(Shape{shape[0]});
    const std::uint64_t key = random_key(seed, stream_of(*name), 0);
    const auto inputs = static_cast<double>(shape.elements() / shape[0]);
    draw(weight, key, std::sqrt(2 / inputs));
    for (std::int64_t i = 0; i < bias.elements(); ++i)
      bias.floats()[i] = 0.2f * uniform(mix(key), static_cast<std::uint32_t>(i)) - 0.1f;
    model.tensors[*name + ".weight"] = std::move(weight);
    model.tensors[*name + ".bias"] = std::move(bias);
  };
  for (const Spec& spec : definition.layers) {
    SpecReader reader(spec);
    if (spec.kind == "convolution") {
      const std::int64_t channels = reader.integer("channels", 1, most);
      const std::int64_t kernel = reader.integer("kernel", 1, most);
      const std::int64_t stride = reader.integer("stride", 1, most, 1);
      const std::int64_t padding = reader.integer("padding", 0, most, 0);
      add(spec, {channels, kernel, kernel, c / reader.integer("groups", 1, most, 1)});
      h = (h + 2 * padding - kernel) / stride + 1;
      w = (w + 2 * padding - kernel) / stride + 1;
      c = channels;
    } else if (spec.kind == "linear") {
      const std::int64_t units = reader.integer("units", 1, most);
      add(spec, {units, h * w * c});
      h = w = 1;
      c = units;
    } else if (spec.kind == "max_pool") {
      const std::int64_t window = reader.integer("window", 1, most);
      const std::int64_t stride = reader.integer("stride", 1, most, window);
      h = (h - window + stride - 1) / stride + 1;
      w = (w - window + stride - 1) / stride + 1;
    } else {
      check(spec.kind == "relu", Failure::usage, "no weights can be drawn for a network with ",
            spec.kind);
    }
  }
  return model;
}

}  // namespace octet::papers

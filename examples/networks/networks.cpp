#include "examples/networks/networks.h"

#include "examples/networks/deep_networks.h"
#include "framework/check.h"

namespace octet {
namespace {

// LeCun 1998 in the form of Han 2015.
constexpr std::string_view lenet300 = R"(
linear units=300
relu
linear units=100
relu
linear units=classes
)";

// Caffe's LeNet-5: no ReLU after the convolutions.
constexpr std::string_view lenet5 = R"(
convolution channels=20 kernel=5 init=glorot
max_pool window=2
convolution channels=50 kernel=5 init=glorot
max_pool window=2
linear units=500
relu
linear units=classes init=glorot
)";

// The VGG-7 of WAGE (Wu 2018).
constexpr std::string_view vgg7 = R"(
convolution channels=128 kernel=3 padding=1
relu
convolution channels=128 kernel=3 padding=1
relu
max_pool window=2
convolution channels=256 kernel=3 padding=1
relu
convolution channels=256 kernel=3 padding=1
relu
max_pool window=2
convolution channels=512 kernel=3 padding=1
relu
convolution channels=512 kernel=3 padding=1
relu
max_pool window=2
linear units=1024
relu
linear units=classes init=glorot
)";

// A small VGG in the manner of the VGG-9 of Li 2017: five convolutions instead of seven, of 64 to
// 256 channels, pooled early, and one linear layer behind an average over the picture.
constexpr std::string_view vgg6bn = R"(
convolution channels=64 kernel=3 padding=1 bias=0
max_pool window=2
batch_norm
relu
convolution channels=64 kernel=3 padding=1 bias=0
max_pool window=2
batch_norm
relu
convolution channels=128 kernel=3 padding=1 bias=0
max_pool window=2
batch_norm
relu
convolution channels=256 kernel=3 padding=1 bias=0
batch_norm
relu
convolution channels=256 kernel=3 padding=1 bias=0
batch_norm
relu
global_average_pool
linear units=classes
)";

// The VGG-7 without biases, as WAGE has it, and its network for MNIST.
constexpr std::string_view wage_vgg7 = R"(
convolution channels=128 kernel=3 padding=1 bias=0
relu
convolution channels=128 kernel=3 padding=1 bias=0
relu
max_pool window=2
convolution channels=256 kernel=3 padding=1 bias=0
relu
convolution channels=256 kernel=3 padding=1 bias=0
relu
max_pool window=2
convolution channels=512 kernel=3 padding=1 bias=0
relu
convolution channels=512 kernel=3 padding=1 bias=0
relu
max_pool window=2
linear units=1024 bias=0
relu
linear units=classes bias=0
)";
constexpr std::string_view wage_mnist = R"(
convolution channels=32 kernel=5 bias=0
relu
max_pool window=2
convolution channels=64 kernel=5 bias=0
relu
max_pool window=2
linear units=512 bias=0
relu
linear units=classes bias=0
)";

// Keller Jordan's airbench94 (2024): a whitening convolution, three groups of two convolutions, no
// scale in the batch norms, whose shift learns fast, and scores divided by 9.
std::string airbench_layers(const std::vector<int>& widths) {
  const std::string norm = "batch_norm gamma=fixed beta_rate=64 momentum=0.4 epsilon=1e-12\ngelu\n";
  std::string layers = "convolution channels=24 kernel=2 init=whitening\ngelu\n";
  for (const int width : widths) {
    const std::string convolution =
        join("convolution channels=", width, " kernel=3 padding=1 bias=0 init=dirac\n");
    layers += convolution + "max_pool window=2 ceil_mode=0\n" + norm + convolution + norm;
  }
  return layers + "max_pool window=3\nlinear units=classes bias=0 init=pytorch\nscale factor=" +
         "0.11111111\n";
}

std::string layers_of(std::string_view name) {
  if (name == "airbench") return airbench_layers({64, 256, 256});
  if (name == "airbench95") return airbench_layers({128, 384, 384});
  if (name == "lenet300") return std::string(lenet300);
  if (name == "lenet5") return std::string(lenet5);
  if (name == "vgg7") return std::string(vgg7);
  if (name == "wage-vgg7") return std::string(wage_vgg7);
  if (name == "wage-mnist") return std::string(wage_mnist);
  if (name == "vgg6bn") return std::string(vgg6bn);
  if (name == "vgg7bn") return vgg7bn_layers();
  if (name == "resnet8") return resnet_layers(1);
  if (name == "resnet20") return resnet_layers(3);
  if (name == "resnet56") return resnet_layers(9);
  if (name == "wrn56-2") return wide_resnet_layers(9, 2);
  return mobilenet025_layers();
}

}  // namespace

const std::vector<ZooEntry>& zoo() {
  static const std::vector<ZooEntry> entries = {
      {"lenet300", "784-300-100-10, fully connected", {28, 28, 1}},
      {"lenet5", "Caffe's 20-50-500-10, two convolutions", {28, 28, 1}},
      {"vgg7", "six 3x3 convolutions, 128 to 512 channels", {32, 32, 3}},
      {"vgg7bn", "the same with batch normalisation", {32, 32, 3}},
      {"vgg6bn", "five 3x3 convolutions, 64 to 256 channels, batch normalisation", {32, 32, 3}},
      {"wage-vgg7", "vgg7 without biases, as in WAGE", {32, 32, 3}},
      {"wage-mnist", "WAGE's 32-64-512-10 for MNIST, without biases", {28, 28, 1}},
      {"resnet8", "residual, 16 to 64 channels, 3 blocks", {32, 32, 3}},
      {"resnet20", "residual, 16 to 64 channels, 9 blocks", {32, 32, 3}},
      {"resnet56", "residual, 16 to 64 channels, 27 blocks", {32, 32, 3}},
      {"wrn56-2", "residual, 32 to 128 channels, 27 blocks, normalised before", {32, 32, 3}},
      {"airbench", "airbench94, three groups of 64, 256, 256 channels", {32, 32, 3}},
      {"airbench95", "the same of 128, 384, 384 channels", {32, 32, 3}},
      {"mobilenet025", "depthwise separable, 8 to 256 channels", {32, 32, 3}},
  };
  return entries;
}

Definition zoo_network(std::string_view name, const Shape& input, std::int64_t classes) {
  std::string known;
  for (const ZooEntry& entry : zoo()) {
    if (entry.name == name)
      return parse_definition(
          join("network name=", name, " input=", print(input), "\n", layers_of(name)), name,
          classes);
    known += " " + entry.name;
  }
  fail(Failure::usage, "unknown network '", name,
       "', expected a definition file or one of:", known);
}

}  // namespace octet

#include "examples/networks/deep_networks.h"

#include "framework/check.h"

namespace octet {
namespace {

const std::string norm_relu = "batch_norm\nrelu\n";

// Padded so that stride 1 keeps the picture's size.
std::string convolution(int channels, int kernel, int stride = 1, int groups = 1) {
  std::string line = join("convolution channels=", channels, " kernel=", kernel);
  if (stride > 1) line += join(" stride=", stride);
  if (kernel > 1) line += join(" padding=", kernel / 2);
  if (groups > 1) line += join(" groups=", groups);
  return line + " bias=0\n";
}

std::string block(const std::string& main, const std::string& shortcut) {
  return "residual\n" + main + (shortcut.empty() ? "" : "shortcut\n" + shortcut) + "end\n";
}

const std::string head = "global_average_pool\nlinear units=classes init=glorot\n";

}  // namespace

std::string vgg7bn_layers() {
  std::string text;
  for (const int channels : {128, 256, 512}) {
    for (int i = 0; i < 2; ++i) text += convolution(channels, 3) + norm_relu;
    text += "max_pool window=2\n";
  }
  return text + "linear units=1024 bias=0\n" + norm_relu + "linear units=classes init=glorot\n";
}

std::string resnet_layers(int blocks) {
  std::string text = convolution(16, 3) + norm_relu;
  for (const int channels : {16, 32, 64})
    for (int i = 0; i < blocks; ++i) {
      const bool changes = i == 0 && channels > 16;
      const int stride = changes ? 2 : 1;
      text += block(convolution(channels, 3, stride) + norm_relu + convolution(channels, 3) +
                        "batch_norm\n",
                    changes ? convolution(channels, 1, stride) + "batch_norm\n" : "") +
              "relu\n";
    }
  return text + head;
}

std::string wide_resnet_layers(int blocks, int width) {
  std::string text = convolution(16, 3);
  int from = 16;
  for (int stage = 0; stage < 3; ++stage) {
    const int channels = (16 << stage) * width;
    for (int i = 0; i < blocks; ++i) {
      const int stride = i == 0 && stage > 0 ? 2 : 1;
      text +=
          block(norm_relu + convolution(channels, 3, stride) + norm_relu + convolution(channels, 3),
                stride > 1 || from != channels ? convolution(channels, 1, stride) : "");
      from = channels;
    }
  }
  return text + norm_relu + head;
}

std::string mobilenet025_layers() {
  struct Step {
    int channels, stride;
  };
  constexpr Step steps[] = {{16, 1},  {32, 2},  {32, 1},  {64, 2},  {64, 1},  {128, 2}, {128, 1},
                            {128, 1}, {128, 1}, {128, 1}, {128, 1}, {256, 2}, {256, 1}};
  int from = 8;
  std::string text = convolution(from, 3) + norm_relu;
  for (const auto& [channels, stride] : steps) {
    text += convolution(from, 3, stride, from) + norm_relu + convolution(channels, 1) + norm_relu;
    from = channels;
  }
  return text + head;
}

}  // namespace octet

// Networks written as ONNX and read back: the same scores.
#include "layers/float_model.h"
#include "tests/quant/onnx/helpers.h"

using namespace octet;
using namespace octet::test;

namespace {

const char* const networks[] = {
    // A linear layer behind images: its columns change their order. Windows that are cut off.
    "network name=lenet input=13x11x3\n"
    "convolution channels=4 kernel=3\nrelu\nmax_pool window=2\n"
    "convolution channels=6 kernel=3 stride=2 padding=1 bias=0\nrelu\n"
    "linear units=7\nrelu\ndropout rate=0.5\nlinear units=3 bias=0\n",
    "network name=pools input=12x12x1\n"
    "convolution channels=4 kernel=1\naverage_pool window=5 stride=3\n"
    "max_pool window=3 stride=2\nmax_pool window=1 stride=3\nlinear units=3\n",
    "network name=mobile input=9x9x3\n"
    "convolution channels=8 kernel=3 padding=1 bias=0\nbatch_norm epsilon=0.001\nrelu\n"
    "convolution channels=8 kernel=3 padding=1 groups=8\nbatch_norm momentum=0.25\nrelu\n"
    "global_average_pool\nlinear units=3\nbatch_norm\n",
    "network name=residual input=8x8x3\n"
    "convolution channels=6 kernel=3 padding=1 name=stem\nrelu\n"
    "residual\nconvolution channels=6 kernel=3 padding=1\nrelu\n"
    "residual name=inner\nconvolution channels=6 kernel=1\nend\nend\nrelu\n"
    "residual\nconvolution channels=8 kernel=3 stride=2 padding=1\nbatch_norm\n"
    "shortcut\nconvolution channels=8 kernel=1 stride=2 bias=0\nend\nrelu\n"
    "global_average_pool\nresidual\nlinear units=8\nrelu\nend\nlinear units=3\n",
    "network name=all_convolutions input=6x6x1\n"
    "convolution channels=5 kernel=3\nrelu\nconvolution channels=3 kernel=1\n"
    "global_average_pool\n",
    "network name=dropped input=15x12x2\n"
    "convolution channels=4 kernel=1\nmax_pool window=2 ceil_mode=0\n"
    "average_pool window=3 stride=2 ceil_mode=0\nlinear units=3\nscale factor=0.3\n",
    "network name=gelus input=8x8x2\n"
    "convolution channels=4 kernel=2\ngelu\nresidual\n"
    "convolution channels=4 kernel=1\ngelu name=inner\nend\nlinear units=7\ngelu\nlinear units=3\n",
};

}  // namespace

TEST_CASE("onnx: a network that is written and read gives the same scores") {
  for (const char* text : networks) {
    const Model model = random_model(text);
    CAPTURE(model.definition.name);
    const Normalization normalization = normalization_for(model.definition.input);
    const Model again = read_onnx(write_onnx(model, normalization), "net.onnx");
    CHECK(relative_difference(scores_of(again), scores_of(model)) < 1e-6);
    CHECK(again.definition.name == model.definition.name);
    CHECK(again.attribute("classes") == "a\nb\nc");
    CHECK(again.attribute("dataset") == "letters");
    CHECK(again.attribute("precision") == "float32");
    // Written again it is the same file: names, metadata and normalisation have all arrived.
    Model renamed = again;
    CHECK(read_onnx(write_onnx(renamed, normalization), "again.onnx").definition ==
          again.definition);
  }
}

TEST_CASE("onnx: layers keep their names and tensors") {
  const Model model = random_model(networks[3]);
  const Model again =
      read_onnx(write_onnx(model, normalization_for(model.definition.input)), "net.onnx");
  CHECK(again.definition == model.definition);
  REQUIRE(again.tensors.size() == model.tensors.size());
  for (const auto& [name, tensor] : model.tensors) {
    CAPTURE(name);
    CHECK(same_bits(again.tensors.at(name), tensor));
  }
}

TEST_CASE("onnx: the normalisation goes into the file and comes out again") {
  const Model model = random_model(networks[0]);
  const Model again = read_onnx(write_onnx(model, {{0.5f, 0.1f, 0.3f}, {0.25f, 0.2f, 1.0f}}), "n");
  CHECK(again.attribute("mean") == "0.5 0.1 0.3");
  CHECK(again.attribute("deviation") == "0.25 0.2 1");
  CHECK_THROWS_WITH_AS(write_onnx(model, {{0.5f}, {0.25f}}),
                       "network lenet: expected 3 means and deviations, got 1 and 1", Error);
}

TEST_CASE("onnx: weights are written as products see them") {
  const Model model = random_model(networks[0], "W=int8/absmax/channel");
  const Model again = read_onnx(
      write_onnx(float_weights(model), normalization_for(model.definition.input)), "net.onnx");
  CHECK(!same_bits(again.tensors.at("conv1.weight"), model.tensors.at("conv1.weight")));
  CHECK(relative_difference(scores_of(again), scores_of(model)) < 1e-5);
}

TEST_CASE("onnx: what cannot be written is refused by the layer's name") {
  const auto refused = [](const std::string& layers, const std::string& words) {
    const Model model = random_model("network name=net input=6x6x1\n" + layers);
    CAPTURE(words);
    try {
      write_onnx(model, normalization_for(model.definition.input));
      CHECK(false);
    } catch (const Error& error) {
      CHECK(std::string(error.what()).find(words) != std::string::npos);
    }
  };
  refused("linear units=4\nconvolution channels=3 kernel=1\n",
          "layer conv1: ONNX has no convolution behind a linear layer");
  refused("convolution channels=3 kernel=3\n", "expected an output of 1x1xclasses, got 4x4x3");
  Model model = random_model("network name=net input=6x6x1\nlinear units=3\n");
  model.tensors.erase("fc1.bias");
  CHECK_THROWS_WITH_AS(write_onnx(model, normalization_for(model.definition.input)),
                       "layer fc1: the tensor fc1.bias is missing", Error);
}

#include "layers/equalize.h"

#include <cmath>

#include "layers/build.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

namespace {

Model random_model(const std::string& text, std::uint64_t key) {
  Network network = build_network(parse_definition(text, "test"));
  Model model = network.snapshot();
  for (auto& [name, tensor] : model.tensors) {
    tensor = random_tensor(tensor.shape(), ++key);
    if (!name.ends_with(".weight")) continue;
    // Filters of very different size.
    const std::int64_t row = tensor.elements() / tensor.shape()[0];
    for (std::int64_t i = 0; i < tensor.elements(); ++i)
      tensor.floats()[i] *= std::ldexp(1.0f, static_cast<int>(i / row % 7) - 3);
  }
  model.attributes["precision"] = "float32";
  return model;
}

Tensor scores_of(const Model& model, const Tensor& images) {
  Network network = build_network(model);
  return network.forward(images, {});
}

float largest(const Tensor& tensor, std::int64_t begin, std::int64_t end, std::int64_t step) {
  float most = 0;
  for (std::int64_t i = begin; i < end; i += step)
    most = std::max(most, std::abs(tensor.floats()[i]));
  return most;
}

}  // namespace

TEST_CASE("equalize: by hand") {
  Model model =
      random_model("network name=net input=1x1x1\nlinear units=1\nrelu\nlinear units=1\n", 1);
  const auto set = [&](const char* name, float value) {
    model.tensors.at(name).floats()[0] = value;
  };
  set("fc1.weight", 16);
  set("fc1.bias", 8);
  set("fc2.weight", 1);
  CHECK(equalize(model) == 1);
  CHECK(model.tensors.at("fc1.weight").floats()[0] == 4);
  CHECK(model.tensors.at("fc1.bias").floats()[0] == 2);
  CHECK(model.tensors.at("fc2.weight").floats()[0] == 4);
  // Nothing to go by; and a bound for the factor.
  set("fc2.weight", 0);
  CHECK(equalize(model) == 1);
  CHECK(model.tensors.at("fc1.weight").floats()[0] == 4);
  set("fc1.weight", 1e6f);
  set("fc2.weight", 1e-6f);
  Model once = model;
  equalize(once);
  CHECK(scores_of(once, random_tensor({1, 1, 1, 1}, 1)).floats()[0] ==
        doctest::Approx(scores_of(model, random_tensor({1, 1, 1, 1}, 1)).floats()[0]));
}

TEST_CASE("equalize: another network, the same function") {
  struct Case {
    const char* text;
    int pairs;
  };
  const Case cases[] = {
      {"network name=net input=12x12x3\nconvolution channels=8 kernel=3\nmax_pool window=2\n"
       "convolution channels=6 kernel=3 groups=2\nrelu\nlinear units=16\nrelu\ndropout rate=0.5\n"
       "linear units=10\n",
       3},
      {"network name=net input=8x8x3\nconvolution channels=8 kernel=3 padding=1 bias=0\nrelu\n"
       "convolution channels=8 kernel=3 padding=1 groups=8\nrelu\n"
       "residual\nconvolution channels=8 kernel=3 padding=1\nrelu\n"
       "convolution channels=8 kernel=3 padding=1\nshortcut\nconvolution channels=8 kernel=1\nend\n"
       "relu\nconvolution channels=8 kernel=3\naverage_pool window=2\nglobal_average_pool\n"
       "linear units=4\n",
       3},
      {"network name=net input=8x8x1\nconvolution channels=4 kernel=3\nbatch_norm\nrelu\n"
       "linear units=4\n",
       0},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const Model model = random_model(c.text, 7);
    Model equal = model;
    CHECK(equalize(equal) == c.pairs);
    const Tensor images = random_tensor(model.definition.input.with_front(3), 5);
    const Tensor before = scores_of(model, images), after = scores_of(equal, images);
    CHECK(relative_difference(after, before) < 1e-5);
    CHECK(same_bits(after, before) == (c.pairs == 0));
    CHECK(equal.attributes == model.attributes);
  }
}

TEST_CASE("equalize: what makes a channel and what takes it have the same range") {
  Model model = random_model(
      "network name=net input=6x6x2\nconvolution channels=5 kernel=3\nrelu\nlinear units=3\n", 3);
  equalize(model);
  const Tensor &first = model.tensors.at("conv1.weight"), &second = model.tensors.at("fc1.weight");
  const std::int64_t row = first.elements() / 5;
  for (std::int64_t k = 0; k < 5; ++k)
    CHECK(largest(first, k * row, (k + 1) * row, 1) ==
          doctest::Approx(largest(second, k, second.elements(), 5)));
}

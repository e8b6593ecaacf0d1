#include "layers/post_training.h"

#include <cmath>

#include "framework/check.h"
#include "layers/build.h"
#include "layers/lower.h"
#include "quant/compression/model_file.h"
#include "quant/numbers/quantizer.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

namespace {

const Precision jacob = parse_precision("integer-arithmetic-only");

Model random_model(std::uint64_t key) {
  Network network = build_network(parse_definition(
      "network name=net input=8x8x3\nconvolution channels=6 kernel=3 padding=1 bias=0\n"
      "batch_norm\nrelu\nresidual\nconvolution channels=6 kernel=3 padding=1\nbatch_norm\nrelu\n"
      "convolution channels=6 kernel=3 padding=1\nend\nrelu\nmax_pool window=2\n"
      "linear units=5\n",
      "test"));
  network.initialize(key);
  Model model = network.snapshot();
  for (auto& [name, tensor] : model.tensors) {
    if (name.ends_with("running_mean") || name.ends_with(".bias") || name.ends_with(".beta"))
      tensor = random_tensor(tensor.shape(), ++key, -0.3f, 0.3f);
    if (name.ends_with("running_variance") || name.ends_with(".gamma"))
      tensor = random_tensor(tensor.shape(), ++key, 0.5f, 2);
  }
  model.attributes["precision"] = "float32";
  return model;
}

std::vector<Tensor> some_images(std::uint64_t key = 1) {
  return {random_tensor({16, 8, 8, 3}, key), random_tensor({8, 8, 8, 3}, key + 1)};
}

Tensor scores_of(const Model& model, const Tensor& images) {
  Network network = build_network(model);
  return network.forward(images, {});
}

Model quantized(const Model& model, const PostTraining& how) {
  return quantize(model, calibrate(model, some_images(), {}, how.precision.activations), how);
}

}  // namespace

TEST_CASE("post_training: GELUs have ranges, too, and run in integers") {
  Network network = build_network(parse_definition(
      "network name=net input=8x8x3\nconvolution channels=6 kernel=2\ngelu\n"
      "convolution channels=6 kernel=3 padding=1 bias=0\nmax_pool window=2 ceil_mode=0\n"
      "batch_norm gamma=fixed\ngelu\nlinear units=5\nscale factor=0.5\n",
      "test"));
  network.initialize(1);
  Model model = network.snapshot();
  model.attributes["precision"] = "float32";
  const Model codes = quantized(model, {.precision = jacob});
  CHECK(codes.tensors.at("gelu2.activation_range").floats()[1] > 0);
  IntegerNetwork integer = lower(codes);
  const Tensor images = some_images()[0];
  Tensor pixels;
  integer.encode(images, pixels);
  Tensor scores = integer.run(pixels);
  Tensor reals({16, 1, 1, 5});
  for (std::int64_t i = 0; i < scores.elements(); ++i)
    reals.floats()[i] = integer.output().scale * static_cast<float>(scores.data<std::int32_t>()[i]);
  CHECK(relative_difference(reals, scores_of(model, images)) < 0.05);
}

TEST_CASE("post_training: the float model has no batch norms and is the same function") {
  const Model model = random_model(1), plain = float_model(model);
  CHECK(std::none_of(plain.definition.layers.begin(), plain.definition.layers.end(),
                     [](const Spec& spec) { return spec.kind == "batch_norm"; }));
  const Tensor images = some_images()[0];
  CHECK(relative_difference(scores_of(plain, images), scores_of(model, images)) < 1e-5);
  // Of a model trained in codes too, whose ranges it forgets.
  Network network = build_network(model);
  set_precision(network, jacob);
  network.forward(images, {.training = true});
  Model trained = network.snapshot();
  trained.attributes["precision"] = "integer-arithmetic-only";
  const Model forgotten = float_model(trained);
  CHECK(forgotten.attribute("precision") == "float32");
  for (const auto& [name, tensor] : forgotten.tensors) CHECK(!name.ends_with("_range"));
}

TEST_CASE("post_training: one range for all that see a value") {
  const Model plain = float_model(random_model(2));
  for (const RangeMethod method :
       {RangeMethod::minmax, RangeMethod::percentile, RangeMethod::mse, RangeMethod::entropy}) {
    const Calibration found = calibrate(plain, some_images(), {method, 99.9}, jacob.activations);
    CHECK(found.ranges.size() == 6);
    CHECK(found.ranges.at("conv2.activation_range") ==
          found.ranges.at("residual1.shortcut_activation_range"));
    CHECK(found.ranges.at("conv2.activation_range").least == 0);
    // Batches add up.
    std::vector<Tensor> one(1, Tensor({24, 8, 8, 3}));
    std::int64_t at = 0;
    for (const Tensor& batch : some_images()) {
      std::copy_n(batch.floats(), batch.elements(), one[0].floats() + at);
      at += batch.elements();
    }
    CHECK(calibrate(plain, one, {method, 99.9}, jacob.activations).ranges == found.ranges);
  }
  const Calibration all = calibrate(plain, some_images(), {}, jacob.activations);
  ValueRange images;
  for (const Tensor& batch : some_images()) widen(images, batch);
  CHECK(all.ranges.at("conv1.activation_range") == images);
  CHECK(calibrate(plain, some_images(), {RangeMethod::entropy, 0}, jacob.activations)
            .ranges.at("conv1.activation_range") == images);
}

TEST_CASE("post_training: stored codes and scales are what encoding them again gives") {
  const Model plain = float_model(random_model(3));
  for (const char* weights : {"int8", "int5", "int2"}) {
    CAPTURE(weights);
    PostTraining how{.precision = jacob};
    how.precision.weights = parse_format(std::string(weights) + "/absmax/channel");
    // A filter of zeros has the scale of the tensor.
    Model with_zeros = plain;
    std::fill_n(with_zeros.tensors.at("conv2.weight").floats(), 54, 0.0f);
    const Model model = quantized(with_zeros, how);
    Network network = build_network(model);
    for (const Parameter* parameter : network.parameters()) {
      if (!parameter->is_weight) continue;
      const Tensor& stored = model.tensors.at(parameter->name);
      CHECK(stored.element() == Element::int8);
      CHECK(stored.scales.size() == static_cast<std::size_t>(stored.shape()[0]));
      Tensor again;
      Quantizer(how.precision.weights).encode(parameter->value, {}, again);
      CHECK(same_bits(again, stored));
    }
    // Through a file, and as floats.
    const Model read = decode(encode(model), "test");
    CHECK(read.attributes == model.attributes);
    REQUIRE(read.tensors.size() == model.tensors.size());
    for (const auto& [name, tensor] : model.tensors)
      CHECK(same_bits(read.tensors.at(name), tensor));
    Model floats = network.snapshot();
    floats.attributes = model.attributes;
    const Tensor images = some_images(5)[0];
    CHECK(same_bits(scores_of(read, images), scores_of(model, images)));
    CHECK(same_bits(scores_of(floats, images), scores_of(model, images)));
  }
}

TEST_CASE("post_training: 8 bits are close, and what integers give") {
  const Model plain = float_model(random_model(4));
  const Tensor images = some_images()[0];
  const Model model = quantized(plain, {.precision = jacob});
  CHECK(model.attribute("precision") == "integer-arithmetic-only");
  const Tensor exact = scores_of(plain, images), coded = scores_of(model, images);
  CHECK(relative_difference(coded, exact) < 0.05);
  IntegerNetwork integer = lower(model);
  Tensor codes, scores;
  integer.encode(images, codes);
  decode(integer.run(codes), scores);
  CHECK(same_bits(scores, coded));
  PostTraining wide{.precision = parse_precision("W=int8/absmax/channel,A=uint16/minmax/smooth")};
  const Tensor sixteen = scores_of(quantized(plain, wide), images);
  CHECK(relative_difference(sixteen, exact) < relative_difference(coded, exact));
  PostTraining dynamic{.precision = parse_precision("W=int8/absmax/channel,A=uint8/minmax")};
  const Model free = quantized(plain, dynamic);
  CHECK(free.tensors.size() == plain.tensors.size());
  CHECK(relative_difference(scores_of(free, images), exact) < 0.05);
  const auto refused = [&](const Model& without, const std::string& words) {
    CHECK_THROWS_WITH_AS(lower(without), words.c_str(), Error);
  };
  refused(quantized(plain, wide),
          "network net has no integer form: precision "
          "W=int8/absmax/channel,A=uint16/minmax/smooth,E=f32,G=f32,M=f32: expected activations of "
          "unsigned 8-bit codes in a remembered range, uint8/minmax/smooth");
  refused(free,
          "network net has no integer form: precision "
          "W=int8/absmax/channel,A=uint8/minmax,E=f32,G=f32,M=f32: expected activations of "
          "unsigned 8-bit codes in a remembered range, uint8/minmax/smooth");
}

TEST_CASE("post_training: corrected biases give each filter the mean that it had") {
  const Model plain = float_model(random_model(5));
  Network network = build_network(plain.definition);
  network.restore(plain);
  const std::vector<Tensor> batches = some_images();
  const Calibration found = calibrate(plain, batches, {}, jacob.activations);
  PostTraining how{.precision = jacob};
  how.precision.weights = parse_format("int2/absmax/channel");
  // Of the first layer, whose input is the same: the mean over images and positions of its error.
  const auto largest_shift = [&](bool correct) {
    how.correct_biases = correct;
    Network coded = build_network(plain.definition);
    coded.restore(quantize(plain, found, how));
    std::vector<double> shift(6);
    std::int64_t count = 0;
    for (const Tensor& batch : batches) {
      const Tensor& a = network.layers()[0]->forward(batch, {});
      const Tensor& b = coded.layers()[0]->forward(batch, {});
      for (std::int64_t i = 0; i < a.elements(); ++i)
        shift[static_cast<std::size_t>(i % 6)] +=
            static_cast<double>(b.floats()[i]) - static_cast<double>(a.floats()[i]);
      count += a.elements() / 6;
    }
    double most = 0;
    for (const double sum : shift)
      most = std::max(most, std::abs(sum / static_cast<double>(count)));
    return most;
  };
  CHECK(largest_shift(false) > 1e-3);
  CHECK(largest_shift(true) < 1e-5);
}

TEST_CASE("post_training: layers that stay in float32") {
  const Model plain = float_model(random_model(6));
  const Tensor images = some_images()[0], exact = scores_of(plain, images);
  PostTraining how{.precision = jacob, .float_layers = quantized_layers(plain, jacob)};
  CHECK(how.float_layers ==
        std::vector<std::string>{"conv1", "conv2", "conv3", "residual1", "fc1"});
  const Model all = quantized(plain, how);
  CHECK(all.attribute("float_layers") == "conv1 conv2 conv3 residual1 fc1");
  CHECK(relative_difference(scores_of(all, images), exact) < 1e-6);
  how.float_layers = {"conv2"};
  const Model one = quantized(plain, how);
  CHECK(same_bits(one.tensors.at("conv2.weight"), plain.tensors.at("conv2.weight")));
  CHECK(same_bits(one.tensors.at("conv2.bias"), plain.tensors.at("conv2.bias")));
  CHECK(one.tensors.at("conv3.weight").element() == Element::int8);
  CHECK(one.tensors.count("conv2.activation_range") == 0);
  CHECK(one.tensors.count("residual1.shortcut_activation_range") == 1);
  CHECK_THROWS_WITH_AS(lower(one),
                       "network net has no integer form: layer conv2: is kept in float32", Error);
  how.float_layers = {"residual1"};
  CHECK_THROWS_WITH_AS(lower(quantized(plain, how)),
                       "network net has no integer form: layer residual1: is kept in float32",
                       Error);
  how.float_layers = {"conv2", "conv9"};
  CHECK_THROWS_WITH_AS(quantized(plain, how),
                       "network net has not all the layers to be kept in float32: conv2 conv9",
                       Error);
  how.float_layers = {};
  how.precision.weights = {};
  CHECK_THROWS_WITH_AS(
      quantized(plain, how),
      "weights of format f32: expected codes of at most 8 bits on a symmetric grid, without "
      "outliers",
      Error);
  how.precision.weights = parse_format("int8/absmax/channel/outlier");
  CHECK_THROWS_AS(quantized(plain, how), Error);
  CHECK(quantized_layers(plain, parse_precision("W=int8/absmax/channel,A=uint8/minmax")) ==
        std::vector<std::string>{"conv1", "conv2", "conv3", "fc1"});
}

TEST_CASE("post_training: stored codes are not trusted") {
  Model model = quantized(float_model(random_model(7)), {.precision = jacob});
  Tensor& codes = model.tensors.at("fc1.weight");
  codes.scales[1] = 0;
  CHECK_THROWS_WITH_AS(build_network(model), "tensor fc1.weight: expected positive scales", Error);
  codes.scales[1] = std::nanf("");
  CHECK_THROWS_WITH_AS(build_network(model), "tensor fc1.weight: expected positive scales", Error);
  codes = random_codes({96, 5}, 1);
  CHECK_THROWS_WITH_AS(build_network(model),
                       "tensor fc1.weight: expected 5x96 float32, got 96x5 int8", Error);
}

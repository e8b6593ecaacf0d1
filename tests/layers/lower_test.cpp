// The network that trains with simulated codes, in evaluation, and the same in integers.
#include "layers/lower.h"

#include "framework/check.h"
#include "framework/parallel.h"
#include "framework/training.h"
#include "layers/build.h"
#include "layers/flow.h"
#include "layers/losses.h"
#include "optim/sgd.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

namespace {

const std::string recipe = "integer-arithmetic-only";

const std::string blocks = R"(
network name=blocks input=12x12x3
convolution channels=16 kernel=3 padding=1 bias=0
batch_norm
relu
residual
convolution channels=16 kernel=3 padding=1 bias=0
batch_norm
relu
convolution channels=16 kernel=3 padding=1 bias=0
batch_norm
end
relu
residual
convolution channels=32 kernel=3 stride=2 padding=1 bias=0
batch_norm
relu
convolution channels=32 kernel=3 padding=1
batch_norm
shortcut
convolution channels=32 kernel=1 stride=2 bias=0
batch_norm
end
dropout rate=0.25
average_pool window=3 stride=3
relu
convolution channels=24 kernel=1 groups=4
batch_norm
relu
global_average_pool
linear units=10
)";

const std::string plain = R"(
network name=plain input=11x11x3
convolution channels=20 kernel=5
max_pool window=3 stride=2
relu
convolution channels=24 kernel=3 padding=1
max_pool window=2
linear units=40
relu
linear units=10
)";

// A few steps of training on noise: ranges, statistics and weights that are not those of the start.
Network trained(const std::string& definition, const std::string& precision = recipe) {
  Network network = build_network(parse_definition(definition, "test"));
  set_precision(network, parse_precision(precision));
  network.initialize(1);
  // Batch norms of every kind: a negative gamma, a gamma of zero.
  for (Parameter* parameter : network.parameters())
    if (parameter->name.ends_with(".gamma")) {
      parameter->value.floats()[1] = -0.7f;
      parameter->value.floats()[2] = 0.0f;
    }
  Sgd sgd(network.parameters(), {.momentum = 0.9f});
  const SoftmaxCrossEntropy loss;
  Tensor error;
  for (std::uint64_t step = 0; step < 6; ++step) {
    const Pass pass{.training = true,
                    .seed = 1,
                    .step = step,
                    .observes_only = step<2, .frozen_statistics = step> 4};
    const Tensor images = random_tensor(network.input().with_front(16), 50 + step);
    const Tensor& scores = network.forward(images, pass);
    std::vector<std::int32_t> labels;
    for (int i = 0; i < 16; ++i) labels.push_back(i % 10);
    loss.evaluate(scores, labels, &error);
    network.backward(error, pass);
    sgd.step(0.02f);
  }
  return network;
}

void check_same_codes(Network& network, const std::string& precision = recipe) {
  IntegerNetwork integer = lower(network, precision);
  const Tensor images = random_tensor(network.input().with_front(9), 7, -2, 2);
  const Tensor& scores = network.forward(images, {});
  Tensor codes;
  integer.encode(images, codes);
  int stages = 0;
  integer.run_watched(codes, [&](std::size_t number, const Tensor& output) {
    const Stage& stage = integer.stages()[number];
    CAPTURE(stage.name);
    if (output.element() == Element::int32) {
      for (std::int64_t i = 0; i < output.elements(); ++i)
        CHECK(scores.floats()[i] ==
              output.scale() * static_cast<float>(output.data<std::int32_t>()[i]));
    } else {
      const FlowLayer* const layer = find_layer(network.layers(), stage.name);
      REQUIRE(layer != nullptr);
      CHECK(same_bits(*layer->latest_output(), output));
    }
    ++stages;
  });
  CHECK(stages == static_cast<int>(integer.stages().size()));
  CHECK(same_bits(integer.run(codes), integer.run_plain(codes)));
}

void check_obstacle(const std::string& definition, const std::string& words,
                    const std::string& precision = recipe) {
  Network network = build_network(parse_definition(definition, "test"));
  set_precision(network, parse_precision(precision));
  network.initialize(1);
  const Tensor images = random_tensor(network.input().with_front(4), 3);
  network.forward(images, {.training = true});
  network.forward(images, {});  // simulates
  try {
    lower(network, precision);
    FAIL("was not refused: " << words);
  } catch (const Error& error) {
    CAPTURE(error.what());
    CHECK(error.kind == Failure::usage);
    CHECK(std::string(error.what()).find(words) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("lower: evaluation and integers give the same codes at every layer") {
  for (const std::string& definition : {blocks, plain}) {
    Network network = trained(definition);
    check_same_codes(network);
  }
}

TEST_CASE("lower: so do GELUs, batch norms behind maxima, and scaled scores") {
  Network network = trained(
      "network name=net input=11x11x3\n"
      "convolution channels=6 kernel=2\ngelu\n"
      "convolution channels=8 kernel=3 padding=1 bias=0\nmax_pool window=2 ceil_mode=0\n"
      "batch_norm gamma=fixed momentum=0.4\ngelu\n"
      "residual\ngelu\nconvolution channels=8 kernel=3 padding=1\nend\nrelu\n"
      "max_pool window=3\nlinear units=10 bias=0\nscale factor=0.25\n");
  check_same_codes(network);
}

TEST_CASE("lower: so do weights of fewer bits, or of one scale") {
  for (const std::string precision :
       {"W=int4/absmax/channel,A=uint8/minmax/smooth", "W=int8/absmax,A=uint8/minmax/smooth",
        "W=ternary/meanabs/channel,A=uint8/minmax/smooth"}) {
    CAPTURE(precision);
    Network network = trained(blocks, precision);
    check_same_codes(network, precision);
  }
}

TEST_CASE("lower: evaluation in integers is near what training simulates") {
  Network network = trained(blocks);
  const Tensor images = random_tensor(network.input().with_front(64), 9);
  const Tensor integer = network.forward(images, {});
  const Tensor simulated =
      network.forward(images, {.training = true, .seed = 1, .frozen_statistics = true});
  // Dropout is not in evaluation: the scores agree in scale, not in number.
  CHECK(relative_difference(integer, simulated) < 1.0);
  Network without = trained(plain);
  const Tensor small = random_tensor(without.input().with_front(64), 9);
  const Tensor exact = without.forward(small, {});
  const Tensor close = without.forward(small, {.training = true});
  CHECK(relative_difference(exact, close) < 0.05);
}

TEST_CASE("lower: a model that was saved gives the same network") {
  Network network = trained(blocks);
  Model model = network.snapshot();
  model.attributes["precision"] = recipe;
  IntegerNetwork direct = lower(network, recipe), read = lower(model);
  const Tensor images = random_tensor(network.input().with_front(5), 7);
  Tensor codes;
  direct.encode(images, codes);
  CHECK(same_bits(direct.run(codes), read.run(codes)));
}

TEST_CASE("lower: threads change no bit of the training") {
  const int before = threads();
  std::vector<Tensor> first;
  for (const int number : {1, 3}) {
    set_threads(number);
    const Network network = trained(plain);
    std::vector<Tensor> values;
    for (const auto& [name, range] : network.state()) values.push_back(*range);
    if (first.empty()) first = values;
    // Ranges of the first layer's input come before any float product.
    CHECK(same_bits(values[0], first[0]));
  }
  set_threads(before);
}

TEST_CASE("lower: what has no integer form is refused by the layer's name") {
  const std::string head = "network name=n input=8x8x3\n", tail = "linear units=10\n";
  const std::string conv = "convolution channels=8 kernel=3 padding=1\n";
  check_obstacle(head + conv + "relu\nbatch_norm\n" + tail, "layer bn1: a batch_norm has no");
  check_obstacle(head + "batch_norm\n" + conv + tail, "layer bn1");
  check_obstacle(head + "relu\n" + conv + tail, "layer relu1: a relu has no layer before it");
  check_obstacle(head + conv + "maxout pieces=2\n" + tail, "layer maxout1: a maxout has no");
  check_obstacle(head + conv + "scale factor=0.5\n" + tail,
                 "layer scale1: a scale before other layers");
  check_obstacle(head + conv + "residual\n" + conv + "scale factor=0.5\nend\n" + tail,
                 "layer scale1: a scale in a block");
  check_obstacle(head + conv + "max_pool window=2\nbatch_norm\nrelu\n" + tail,
                 "layer bn1: a batch_norm behind a max_pool has a gamma");
  check_obstacle(head + conv + "gelu\n", "layer gelu1: scores come from");
  check_obstacle(head + conv + "average_pool window=3 stride=2\n" + tail,
                 "layer pool1: an average_pool's last windows are cut off");
  check_obstacle(head + conv + "global_average_pool\n", "layer pool1: scores come from");
  check_obstacle(head + conv + "residual\nrelu\n" + conv + "end\n" + tail, "layer relu1");
  check_obstacle(head + conv + "residual\nmax_pool window=2\n" + conv +
                     "shortcut\nconvolution channels=8 kernel=2 stride=2\nend\n" + tail,
                 "layer residual1: a path begins with a max_pool");
  check_obstacle(head + conv + "residual\nmax_pool window=1\nshortcut\n" + conv + "end\n" + tail,
                 "layer residual1: a path has no layer that makes new values");
  check_obstacle(head + tail, "precision W=int8/absmax,A=uint16",
                 "W=int8/absmax,A=uint16/minmax/smooth");
  check_obstacle(head + tail + "relu\n", "layer relu1: a relu of scores");
  check_obstacle(head + tail, "expected activations", "W=int8/absmax,A=uint4/minmax/smooth");
  check_obstacle(head + tail, "expected weights of at most 8 bits",
                 "W=int12/absmax,A=uint8/minmax/smooth");
  check_obstacle(head + tail, "precision float32", "float32");
}

TEST_CASE("lower: a network that has seen no batch is refused") {
  Network network = build_network(parse_definition(plain, "test"));
  set_precision(network, parse_precision(recipe));
  network.initialize(1);
  CHECK_THROWS_WITH_AS(lower(network, recipe),
                       doctest::Contains("the range of its values is not known"), Error);
}

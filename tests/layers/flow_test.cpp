// Codes between the layers: who encodes for whom, and that nothing but rounding is lost.
#include "layers/flow.h"

#include <algorithm>
#include <cmath>

#include "framework/parallel.h"
#include "framework/training.h"
#include "layers/activations.h"
#include "layers/build.h"
#include "layers/losses.h"
#include "layers/weighted_layer.h"
#include "optim/sgd.h"
#include "quant/numbers/recipes.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

namespace {

const std::string front = R"(
network name=plain input=12x12x3
convolution channels=16 kernel=3 padding=1
relu
convolution channels=20 kernel=3
max_pool window=2
convolution channels=24 kernel=3 padding=1
relu
)";

const std::string plain = front + R"(
dropout rate=0.25
average_pool window=5 stride=5
linear units=40
relu
linear units=10
)";

const std::string chain = R"(
network name=chain input=12x12x3
convolution channels=16 kernel=3 padding=1 bias=0
relu
convolution channels=20 kernel=3 padding=1 bias=0
max_pool window=2
relu
linear units=40 bias=0
relu
linear units=10 bias=0
)";

const std::string residual = R"(
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
convolution channels=32 kernel=3 padding=1 bias=0
batch_norm
shortcut
convolution channels=32 kernel=1 stride=2 bias=0
batch_norm
end
relu
residual
batch_norm
relu
convolution channels=32 kernel=3 padding=1 groups=32 bias=0
batch_norm
relu
convolution channels=32 kernel=1
end
batch_norm
relu
global_average_pool
linear units=10
)";

const std::string gelus = R"(
network name=gelus input=13x13x3
convolution channels=20 kernel=2
gelu
dropout rate=0.1
convolution channels=24 kernel=3 padding=1 bias=0
max_pool window=5 ceil_mode=0
batch_norm gamma=fixed
gelu
relu
linear units=10 bias=0
)";
const std::string scaled = gelus + "scale factor=0.5\n";

std::vector<std::int32_t> labels_for(std::int64_t images) {
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < images; ++i) labels.push_back(static_cast<std::int32_t>(i * 7 % 10));
  return labels;
}

void simulate(const Layers& layers, bool simulated) {
  for (const auto& layer : layers) {
    if (auto* weighted = dynamic_cast<WeightedLayer*>(layer.get())) weighted->simulate(simulated);
    for (const Branch& branch : layer->branches()) simulate(*branch.layers, simulated);
  }
}

struct Trained {
  Network network;
  Tensor scores;
  std::string hash;
  std::vector<float> gradient;  // of all parameters, one after the other
};

// A few steps on one batch of random images, of values from -size to size; first weights get noise
// of such a size.
Trained train(const std::string& text, const char* precision, int steps, bool simulated = false,
              float size = 1, float noise = 0) {
  Trained result{build_network(parse_definition(text, "test")), {}, {}, {}};
  Network& network = result.network;
  set_precision(network, parse_precision(precision));
  simulate(network.layers(), simulated);
  network.initialize(3);
  std::uint64_t key = 20;
  for (Parameter* parameter : network.parameters()) {
    const Tensor added = random_tensor(parameter->value.shape(), ++key, -noise, noise);
    for (std::int64_t i = 0; i < added.elements(); ++i)
      parameter->value.floats()[i] += added.floats()[i];
  }
  Sgd optimizer(network.parameters(), {.momentum = 0.9f});
  Tensor images = random_tensor(network.input().with_front(6), 11);
  for (std::int64_t i = 0; i < images.elements(); ++i) images.floats()[i] *= size;
  const std::vector<std::int32_t> labels = labels_for(6);
  Tensor error;
  for (int step = 0; step < steps; ++step) {
    const Pass pass{.training = true, .seed = 5, .step = static_cast<std::uint64_t>(step)};
    result.scores = network.forward(images, pass);
    SoftmaxCrossEntropy().evaluate(result.scores, labels, &error);
    network.backward(error, pass);
    optimizer.step(0.01f);
  }
  for (const Parameter* parameter : network.parameters())
    result.gradient.insert(result.gradient.end(), parameter->gradient.floats(),
                           parameter->gradient.floats() + parameter->gradient.elements());
  result.hash = state_hash(network, optimizer);
  return result;
}

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    aa += static_cast<double>(a[i]) * static_cast<double>(a[i]);
    bb += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  return ab / std::sqrt(aa * bb);
}

}  // namespace

TEST_CASE("flow: between the layers are codes, at both ends float32") {
  for (const std::string& text : {plain, residual, gelus}) {
    Network network = build_network(parse_definition(text, "test"));
    CHECK(set_precision(network, parse_precision("int8")));
    network.initialize(1);
    const Tensor images = random_tensor(network.input().with_front(2), 1);
    const Pass pass{.training = true, .seed = 1, .step = 0};
    const Tensor* x = &images;
    const std::size_t layers = network.layers().size();
    for (std::size_t i = 0; i < layers; ++i) {
      x = &network.layers()[i]->forward(*x, pass);
      CAPTURE(network.layers()[i]->name());
      CHECK((x->element() == Element::float32) == (i + 1 == layers));
      if (dynamic_cast<Relu*>(network.layers()[i].get())) CHECK(x->element() == Element::uint8);
    }
    Tensor error = random_tensor(x->shape(), 2, -0.1f, 0.1f);
    const Tensor* e = &error;
    for (std::size_t i = layers; i-- > 1;) {
      e = &network.layers()[i]->backward(*e, pass);
      CAPTURE(network.layers()[i]->name());
      CHECK(e->element() == Element::int8);
    }
  }
}

TEST_CASE("flow: integers and their simulation in float32 train to the same bits") {
  int allowed = 0;
  for (const Recipe& recipe : recipes()) {
    const bool w = recipe.precision.weights.fits_int8_product(),
               a = recipe.precision.activations.fits_int8_product(),
               e = recipe.precision.errors.fits_int8_product();
    if (!((w && a) || (w && e) || (a && e))) continue;
    ++allowed;
    CAPTURE(recipe.name);
    for (const std::string& text : {plain, residual, scaled}) {
      const Trained integers = train(text, recipe.name.c_str(), 4),
                    simulated = train(text, recipe.name.c_str(), 4, true);
      CHECK(same_bits(integers.scores, simulated.scores));
      CHECK(integers.gradient == simulated.gradient);
      CHECK(integers.hash == simulated.hash);
    }
  }
  CHECK(allowed >= 4);  // int8, wage, dorefa, learned-step
}

TEST_CASE("flow: codes around a GELU are unsigned, with the zero point that its ends give") {
  Network network = build_network(parse_definition(R"(
network name=around input=9x9x3
convolution channels=16 kernel=3 padding=1 bias=0
batch_norm
gelu
max_pool window=3
convolution channels=24 kernel=3 padding=1
gelu
relu
linear units=10
)",
                                                   "test"));
  const Pass pass{.training = true, .seed = 5, .step = 0};
  const Tensor images = random_tensor(network.input().with_front(6), 11);
  const auto outputs = [&] {
    std::vector<const Tensor*> all;
    for (const auto& layer : network.layers())
      all.push_back(static_cast<const FlowLayer&>(*layer).latest_output());
    return all;
  };
  REQUIRE(set_precision(network, parse_precision("int8")));
  network.initialize(3);
  network.forward(images, pass);
  const Tensor &gelu = *outputs()[2], &pooled = *outputs()[3], &sums = *outputs()[4];
  CHECK(gelu.element() == Element::uint8);
  CHECK(gelu.zero_point == std::nearbyint(0.17004f / gelu.scale()));
  CHECK(pooled.zero_point == gelu.zero_point);
  // -3 is the least that the second one's table is asked for.
  CHECK(sums.element() == Element::uint8);
  CHECK(sums.zero_point == std::nearbyint(3 / sums.scale()));
  CHECK(outputs()[5]->zero_point == 0);  // a ReLU follows
  // Steps are those of the whole range: the largest values reach the last codes.
  const auto* codes = gelu.data<std::uint8_t>();
  CHECK(*std::max_element(codes, codes + gelu.elements()) >= 250);
  // The same values in signed codes of a fixed step, where nothing is known of ranges.
  REQUIRE(
      set_precision(network, parse_precision("W=int8/absmax,A=int8/step4,E=int8/absmax/smooth")));
  network.forward(images, pass);
  CHECK(outputs()[2]->element() == Element::int8);
  CHECK(outputs()[2]->zero_point == 0);
}

TEST_CASE("flow: what arrives in float32 at both ends may have any range") {
  const std::string ends = "int8;first:A=int8/absmax;last:E=int8/absmax/stochastic";
  for (const std::string& text : {plain, residual, scaled}) {
    Network network = build_network(parse_definition(text, "test"));
    CHECK(set_precision(network, parse_precision(ends)));
    CHECK(train(text, ends.c_str(), 3).hash == train(text, ends.c_str(), 3, true).hash);
    CHECK_FALSE(set_precision(network, parse_precision("int8;conv2:E=int8/absmax/stochastic")));
    CHECK_FALSE(set_precision(network, parse_precision("int8;last:A=int8/absmax")));
  }
}

TEST_CASE(
    "flow: outliers of weights are in every product, and keep a Dirac kernel's gradient near") {
  const std::string text = R"(
network name=diracs input=9x9x4
convolution channels=16 kernel=3 padding=1 bias=0 init=dirac
gelu
convolution channels=64 kernel=3 padding=1 bias=0 init=dirac
max_pool window=2
batch_norm
gelu
convolution channels=64 kernel=3 stride=2 padding=1 groups=2 init=dirac
relu
linear units=10
)";
  // As they are a few steps later: the others of a Dirac kernel's filter are small, no longer zero.
  const auto run = [&](const char* precision, int steps, bool simulated) {
    return train(text, precision, steps, simulated, 1, 0.01f);
  };
  // Of the weights' rounding alone.
  const std::vector<float> real = run("float32", 1, false).gradient;
  const double fine = cosine(run("W=int8/absmax/channel/outlier", 1, false).gradient, real),
               coarse = cosine(run("W=int8/absmax/channel", 1, false).gradient, real);
  CHECK(1 - fine < 0.8 * (1 - coarse));
  const char* const outlier = "int8;conv*:W=int8/absmax/channel/outlier";
  const std::string hash = run(outlier, 3, false).hash;
  CHECK(run(outlier, 3, true).hash == hash);
  const int before = threads();
  for (const int count : {1, 3}) {
    set_threads(count);
    CHECK(run(outlier, 3, false).hash == hash);
  }
  set_threads(before);
}

TEST_CASE("flow: WAGE's codes flow through chains, and say what they do when they do not flow") {
  Network network = build_network(parse_definition(chain, "test"));
  CHECK(set_precision(network, parse_precision("wage")));
  Network averaged = build_network(parse_definition(plain, "test"));  // an average is a new value
  CHECK_FALSE(set_precision(averaged, parse_precision("wage")));
  const int before = threads();
  const Trained flowing = train(chain, "wage", 3);
  CHECK(train(chain, "wage", 3, true).hash == flowing.hash);
  for (const int count : {1, 3}) {
    set_threads(count);
    CHECK(train(chain, "wage", 3).hash == flowing.hash);
  }
  set_threads(before);
  // A first step: a format more in a rule keeps codes from flowing and changes nothing else.
  const Trained one = train(chain, "wage", 1), other = train(chain, "wage;conv1:A=f32", 1);
  CHECK(one.gradient.size() == other.gradient.size());
  CHECK(cosine(one.gradient, other.gradient) > 0.9);
}

TEST_CASE("flow: the number of threads changes no bit") {
  for (const std::string& text : {plain, residual, scaled}) {
    const int before = threads();
    set_threads(1);
    const std::string one = train(text, "int8", 3).hash;
    for (const int count : {2, 3, 4}) {
      set_threads(count);
      CHECK(train(text, "int8", 3).hash == one);
    }
    set_threads(before);
  }
}

TEST_CASE("flow: the gradient of codes points where that of float32 does") {
  const std::string without_dropout = front + "linear units=10\n";
  for (const std::string& text : {without_dropout, residual, scaled}) {
    const Trained codes = train(text, "int8", 1), real = train(text, "float32", 1);
    CHECK(relative_difference(codes.scores, real.scores) < 0.1);
    CHECK(cosine(codes.gradient, real.gradient) > 0.95);
    CHECK(codes.gradient != real.gradient);
  }
}

TEST_CASE("flow: codes around a GELU keep their fineness where values are small") {
  const std::string text = R"(
network name=small input=9x9x3
convolution channels=16 kernel=3 padding=1 bias=0
gelu
convolution channels=16 kernel=3 padding=1 bias=0
gelu
linear units=10 bias=0
)";
  for (const float size : {1.0f, 0.3f, 0.1f, 0.03f}) {
    CAPTURE(size);
    // Later passes have ranges that follow those of earlier ones.
    for (const int steps : {1, 4}) {
      const Trained codes = train(text, "int8", steps, false, size);
      const Trained real = train(text, "float32", steps, false, size);
      CHECK(relative_difference(codes.scores, real.scores) < 0.04);
      CHECK(cosine(codes.gradient, real.gradient) > 0.999);
    }
  }
}

TEST_CASE("flow: an evaluation leaves no trace, before any training either") {
  Network network = build_network(parse_definition(residual, "test"));
  set_precision(network, parse_precision("int8"));
  network.initialize(1);
  Sgd optimizer(network.parameters(), {});
  const std::string before = state_hash(network, optimizer);
  const Tensor images = random_tensor(network.input().with_front(3), 1);
  const Tensor first = network.forward(images, {});
  CHECK(state_hash(network, optimizer) == before);
  CHECK(same_bits(network.forward(images, {}), first));
}

TEST_CASE("flow: where a kind of layer cannot work on codes, float32 flows and training goes on") {
  const char* overlapping = R"(
network name=overlapping input=12x12x3
convolution channels=8 kernel=3
max_pool window=3 stride=2
convolution channels=8 kernel=3
relu
linear units=10
)";
  Network network = build_network(parse_definition(overlapping, "test"));
  CHECK_FALSE(set_precision(network, parse_precision("int8")));
  CHECK_FALSE(set_precision(network, parse_precision("float32")));
  const Trained integers = train(overlapping, "int8", 2);
  CHECK(integers.hash == train(overlapping, "int8", 2, true).hash);
  // A precision that flows, laid over a network whose codes flowed, and taken away again.
  Network other = build_network(parse_definition(plain, "test"));
  CHECK(set_precision(other, parse_precision("int8")));
  CHECK_FALSE(set_precision(other, parse_precision("W=int8/absmax,A=int8/absmax,E=int8/absmax")));
  other.initialize(1);
  const Tensor images = random_tensor(other.input().with_front(2), 1);
  CHECK(other.layers()[0]->forward(images, {}).element() == Element::float32);
}

TEST_CASE("flow: metered passes count what is clipped and what is lost, by layer and role") {
  Network network = build_network(parse_definition(plain, "test"));
  set_precision(network, parse_precision("int8"));
  network.initialize(1);
  Tensor images = random_tensor(network.input().with_front(4), 1);
  Tensor error = random_tensor({4, 1, 1, 10}, 2, -0.1f, 0.1f);
  const auto step = [&](std::uint64_t number, bool metered) {
    const Pass pass{.training = true, .seed = 1, .step = number, .metered = metered};
    network.forward(images, pass);
    network.backward(error, pass);
  };
  step(0, false);
  for (const Saturation& s : network.take_saturation()) CHECK(s.counted == 0);
  step(1, true);
  std::int64_t seen = 0;
  for (const Saturation& s : network.take_saturation()) {
    CAPTURE(s.layer + " " + s.role);
    CHECK(s.counted > 0);
    CHECK(static_cast<double>(s.clipped) < 0.2 * static_cast<double>(s.counted));
    ++seen;
  }
  CHECK(seen == 12);  // five weighted layers and a pool, two roles each
  // Images ten times as bright do not fit the ranges of the batches before.
  for (std::int64_t i = 0; i < images.elements(); ++i) images.floats()[i] *= 10;
  step(2, true);
  for (const Saturation& s : network.take_saturation())
    if (s.role == "activations" && s.layer == "conv1")
      CHECK(static_cast<double>(s.clipped) > 0.1 * static_cast<double>(s.counted));
}

TEST_CASE("flow: a layer with one channel in the middle has gradients like the others") {
  const char* narrow = R"(
network name=narrow input=8x8x3
convolution channels=8 kernel=3 padding=1
relu
convolution channels=1 kernel=3 padding=1
convolution channels=8 kernel=3 padding=1
relu
linear units=10
)";
  const Trained codes = train(narrow, "int8", 1), real = train(narrow, "float32", 1);
  CHECK(cosine(codes.gradient, real.gradient) > 0.95);
  std::size_t at = 0;
  for (const Parameter* parameter : codes.network.parameters()) {
    CAPTURE(parameter->name);
    const auto size = static_cast<std::size_t>(parameter->gradient.elements());
    double a = 0, b = 0;
    for (std::size_t i = at; i < at + size; ++i) {
      a += std::abs(static_cast<double>(codes.gradient[i]));
      b += std::abs(static_cast<double>(real.gradient[i]));
    }
    CHECK(a == doctest::Approx(b).epsilon(0.25));
    at += size;
  }
}

TEST_CASE("flow: a block at the end keeps its shortcut") {
  const char* last = R"(
network name=last input=8x8x3
convolution channels=10 kernel=3 padding=1
global_average_pool
residual
convolution channels=10 kernel=1
end
)";
  Network network = build_network(parse_definition(last, "test"));
  CHECK_FALSE(set_precision(network, parse_precision("int8")));
  const Trained codes = train(last, "int8", 1), real = train(last, "float32", 1);
  CHECK(relative_difference(codes.scores, real.scores) < 0.05);
  CHECK(cosine(codes.gradient, real.gradient) > 0.95);
}

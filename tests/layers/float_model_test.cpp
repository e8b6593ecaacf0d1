// What products see of a model's weights, as a model in float32.
#include "layers/float_model.h"

#include "layers/build.h"
#include "quant/numbers/precision.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

TEST_CASE("float model: its scores are those of the model, rules, divisors and learned scales in") {
  for (const char* precision :
       {"float32", "W=int4/absmax/channel", "W=int8/absmax/channel;fc*:W=binary/meanabs",
        "W=int2/step1,S=fan-in", "W=int2/step1,S=fan-in;last:W=f32", "W=int3/learned",
        "W=ternary/trained;first:W=f32", "W=bf16", "W=int8/overflow", "W=posit<8,1>"}) {
    CAPTURE(std::string(precision));
    Network network = build_network(
        parse_definition("network name=n input=6x6x2\nconvolution channels=8 kernel=3\nrelu\n"
                         "linear units=5\nlinear units=3\n",
                         "test"));
    set_precision(network, parse_precision(precision));
    network.initialize(7);
    const Tensor images = random_tensor({9, 6, 6, 2}, 3);
    network.forward(images, {.training = true});  // scales that are learned have a first value now
    for (Parameter* parameter : network.parameters())
      if (parameter->name.ends_with("_scales"))
        for (std::int64_t i = 0; i < parameter->value.elements(); ++i)
          parameter->value.floats()[i] *= 1.5f;
    Model model = network.snapshot();
    model.attributes["precision"] = precision;
    const Tensor scores = network.forward(images, {});
    Network in_float = build_network(float_weights(model));
    CHECK(relative_difference(in_float.forward(images, {}), scores) < 1e-5);
  }
}

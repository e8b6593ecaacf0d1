// One gradient checker for all layers: the written backward pass against differences of the forward
// pass, for the function  L = sum of r[i] * y[i]  with random r.
#pragma once

#include "framework/layer.h"
#include "tests/support.h"

namespace octet::test {

/// Compares the error at the input and the gradients of all parameters at `probes` places each.
/// Places where the function has a kink within the step are told by differences that disagree, and
/// passed over; at most a tenth may be.
inline void check_gradients(Layer& layer, const Tensor& input, const Pass& pass, int probes = 40,
                            float step = 0.01f, double tolerance = 2e-3) {
  const Tensor output = layer.forward(input, pass);
  const Tensor r = random_tensor(output.shape(), 99);
  const auto value = [&](const Tensor& x) {
    const Tensor& y = layer.forward(x, pass);
    double sum = 0;
    for (std::int64_t i = 0; i < y.elements(); ++i)
      sum += static_cast<double>(y.floats()[i]) * static_cast<double>(r.floats()[i]);
    return sum;
  };
  layer.forward(input, pass);
  const Tensor passed = layer.backward(r, pass);
  REQUIRE(passed.shape() == input.shape());

  Tensor x = input;
  int kinks = 0, checked = 0;
  const auto probe = [&](Tensor& changed, const Tensor& gradient, const char* what) {
    double size = 1e-6;
    for (std::int64_t i = 0; i < gradient.elements(); ++i)
      size = std::max(size, std::abs(static_cast<double>(gradient.floats()[i])));
    for (int p = 0; p < probes; ++p) {
      const auto at =
          uniform_below(random_key(7, stream_of(what), 0), static_cast<std::uint32_t>(p),
                        static_cast<std::uint32_t>(gradient.elements()));
      const float old = changed.floats()[at];
      const auto difference = [&](float h) {
        changed.floats()[at] = old + h;
        const double up = value(x);
        changed.floats()[at] = old - h;
        const double down = value(x);
        changed.floats()[at] = old;
        return (up - down) / (2.0 * static_cast<double>(h));
      };
      const double wide = difference(step), narrow = difference(step / 2);
      ++checked;
      if (std::abs(wide - narrow) > tolerance * size) {
        ++kinks;
        continue;
      }
      CAPTURE(what);
      CAPTURE(at);
      CHECK(std::abs(static_cast<double>(gradient.floats()[at]) - narrow) < 2 * tolerance * size);
    }
  };
  probe(x, passed, "input");
  for (Parameter* parameter : layer.parameters()) {
    const Tensor gradient = parameter->gradient;
    probe(parameter->value, gradient, parameter->name.c_str());
  }
  CHECK(kinks * 10 <= checked);
}

}  // namespace octet::test

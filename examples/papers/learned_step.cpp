// Learned Step Size Quantization. Esser, McKinstry, Bablani, Appuswamy, Modha, ICLR 2020
// (1902.08153). With codes of Q_N .. Q_P,
//   v- = round(clip(v / s, -Q_N, Q_P)),     v^ = v- s,
//   dv^/ds = v- - v / s inside, -Q_N or Q_P where clipped,   scaled by g = 1 / sqrt(N Q_P),
//   s begins as 2 mean |v| / sqrt(Q_P).
// Weights and activations have 2, 3 or 4 bits, those of the first and last layer 8, and training
// begins with the weights of float32. The paper has no CIFAR-10; here it is a ResNet-20, float32
// goes on for as many epochs as each format, and codes of weights are symmetric: 4 bits are -7
// .. 7.
#include <CLI/CLI.hpp>

#include "examples/papers/common/residual_networks.h"
#include "framework/check.h"

namespace {

using namespace octet;
using namespace octet::papers;

// The inputs of the first layer are pixels on both sides of zero.
std::string learned(int bits) {
  return join("W=int", bits, "/learned,A=uint", bits,
              "/learned;first:W=int8/learned,A=int8/learned;last:W=int8/learned,A=uint8/learned");
}

int work(const ResidualOptions& options) {
  return compare_residual_networks(
      options, {{"4 bits", learned(4), {}, Gap{.paper = {}, .bound = 1.0, .quick_bound = 3.0}},
                {"3 bits", learned(3)},
                {"2 bits", learned(2)}});
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App program{"Quantisation with learned steps (Esser 2020).", "learned_step"};
  ResidualOptions options;
  add_options(program, options);
  return run(program, argc, argv, [&] { return work(options); });
}

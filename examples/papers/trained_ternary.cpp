// Trained Ternary Quantization. Zhu, Han, Mao, Dally, ICLR 2017 (1612.01064). With the threshold
// Delta = 0.05 max |w| a weight is seen as
//   W_p where w > Delta,   -W_n where w < -Delta,   0 between,
// W_p and W_n are trained with the sums of the gradients of what they stand for, and the gradient
// of w is that of what is seen times W_p, 1 or W_n. The authors' W_p and W_n begin as 1; here they
// begin as the mean magnitude of what they stand for, about 0.05, so that the network is the one
// that was trained, and steps are what theirs would be: gradients of W_p times W_p^2, of W_n times
// W_n^2, and of a w between times (W_p + W_n) / 2. First and last layer stay float32. Training
// begins with the weights of float32; the paper goes on for 160 epochs, here it is fewer, and
// float32 goes on as long beside it. Ternary weights with the mean magnitude of those kept
// (Li, Liu 2016) stand there, too.
#include <CLI/CLI.hpp>

#include "examples/papers/common/residual_networks.h"

namespace {

using namespace octet;
using namespace octet::papers;

int work(const ResidualOptions& options) {
  const std::string ends = ";first:float32;last:float32";
  return compare_residual_networks(options,
                                   {{"trained ternary", "trained-ternary" + ends, 8.87,
                                     Gap{.paper = 0.64, .bound = 1.0, .quick_bound = 5.0}},
                                    {"ternary by mean magnitude", "ternary-weights" + ends}},
                                   8.23);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App program{"Trained ternary weights (Zhu 2017).", "trained_ternary"};
  ResidualOptions options;
  add_options(program, options);
  return run(program, argc, argv, [&] { return work(options); });
}

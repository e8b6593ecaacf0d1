// Training Quantized Nets: A Deeper Understanding. Li, De, Xu, Studer, Samet, Goldstein, NIPS 2017
// (1706.02379). With a grid of step Delta, Q to its nearest point and Qs stochastically:
//   R    w_b <- w_b - Q (alpha grad f(w_b))       W = M = binary, to the nearest
//   SR   w_b <- w_b - Qs(alpha grad f(w_b))       W = M = binary, stochastically
//   BC   w_r <- w_r - alpha grad f(Q(w_r))        W = binary, M = float32 within [-1, 1]
// all with Adam's steps in place of the gradient. Convolutions are binary, each before a batch
// norm; the linear layer is not. Adam's steps of 0.01 are far from half a Delta of 2: under R no
// sign ever changes, and what is trained are batch norms and the linear layer. Big SR has a batch
// eight times as large. A small VGG stands for the paper's VGG-9, 16 epochs for about 200:
//   - batches are a quarter of the paper's, 32 and 256 for 128 and 1024, so that 16 epochs have as
//     many steps as 64 of its epochs;
//   - the rate falls along half a cosine to nothing instead of by two drops;
//   - pictures are as they are, unless with --augment, the paper's crops and mirror images. These
//     keep both from their end for longer, and BC farther from it: the gap is wider with them.
// What is claimed is the order and the gaps. The paper's figures are from memory of it (*): its
// text could not be read here.
#include <CLI/CLI.hpp>

#include "datasets/transforms.h"
#include "examples/cli/session.h"
#include "examples/networks/networks.h"
#include "examples/papers/common/claims.h"
#include "examples/papers/common/formats.h"

namespace {

using namespace octet;
using namespace octet::papers;

struct QuantizedNetsOptions : FormatOptions {
  QuantizedNetsOptions() { common = {.data = "cifar10", .seeds = 1}; }
  std::string model = "vgg6bn";
  std::int64_t epochs = 0, batch = 32;
  bool augment = false;
};

std::string binary(const std::string& master) { return "float32;conv*:W=binary/step0,M=" + master; }

int work(QuantizedNetsOptions& options) {
  cli::use_threads({.threads = options.common.threads});
  const bool quick = options.common.quick;
  const Task task = load_task(options.common.data, {32, 32, 3}, options.validation_only ? 5000 : 0,
                              options.common.seed, quick ? 8000 : 0);
  const Training how{.epochs = epochs_of(options.epochs, options.common, 16, 6),
                     .rate = 0.01f,
                     .rule = Training::Rule::adam,
                     .schedule = Schedule::Kind::cosine,
                     .floor = 0,
                     .batch = options.batch,
                     .transform = options.augment ? chain({pad_crop(4), flip()}) : Transform()};
  Training big = how;
  big.batch = 8 * how.batch;
  const Outcomes all =
      compare_formats(print(zoo_network(options.model, task.train.image,
                                        static_cast<std::int64_t>(task.train.classes.size()))),
                      task,
                      {{"float32", "float32", 7.97, how},
                       {"BC", binary("f32/clip1"), 10.36, how},
                       {"big SR", binary("binary/step0/stochastic"), 16.95, big},
                       {"SR", binary("binary/step0/stochastic"), 23.33, how},
                       {"R", binary("binary/step0"), 23.99, how}},
                      options);
  // What little R is above SR need not show in one run: equal but for half a point is "at most".
  Claims claims;
  claims.add(all.mean("float32"),
             {.what = "float32: test error, % (*)", .paper = 7.97, .bound = quick ? 60.0 : 20.0});
  claims.add(all.gap("BC"),
             {.what = "BC above float32, points (*)", .paper = 2.39, .bound = quick ? 12.0 : 3.0});
  if (!quick)
    claims.add(all.gap("BC"), {.what = "BC above float32, points, at least (*)",
                               .paper = 2.39,
                               .at_most = false,
                               .bound = 0});
  claims.add(
      all.gap("SR"),
      {.what = "SR above float32, points (*)", .paper = 15.36, .at_most = false, .bound = 8});
  claims.add(all.gap("big SR", "BC"),
             {.what = "big SR above BC, points (*)", .paper = 6.59, .at_most = false, .bound = 0});
  if (!quick)  // a batch of 256 has too few steps in a short run
    claims.add(
        all.gap("SR", "big SR"),
        {.what = "SR above big SR, points (*)", .paper = 6.38, .at_most = false, .bound = 0});
  claims.add(all.gap("R", "SR"),
             {.what = "R above SR, points (*)", .paper = 0.66, .at_most = false, .bound = -0.5});
  return conclude(claims, options.common.json);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App program{"Training quantised nets: float32, BC, SR, R (Li 2017).",
                   "training_quantized_nets"};
  QuantizedNetsOptions options;
  add_options(program, options);
  program.add_option("--model", options.model, "network of the zoo")->capture_default_str();
  program
      .add_option("--epochs", options.epochs,
                  "epochs of each format instead of 16, or 6 with --quick")
      ->check(CLI::Range(1, 10000));
  program.add_option("--batch", options.batch, "pictures a step; big SR has eight times as many")
      ->check(CLI::Range(1, 8192))
      ->capture_default_str();
  program.add_flag("--augment", options.augment,
                   "each picture padded by 4 pixels, cropped at random and mirrored or not");
  return run(program, argc, argv, [&] { return work(options); });
}

// Deep Learning with Limited Numerical Precision. Gupta, Agrawal, Gopalakrishnan, Narayanan, ICML
// 2015 (1502.02551). Numbers are <IL, FL>: IL integer and FL fraction bits, the sign among the
// former, steps of 2^-FL. Convert(x, <IL, FL>) saturates and rounds, to the nearest or
// stochastically:
//   floor(x) + 2^-FL with probability (x - floor(x)) / 2^-FL, else floor(x),   so that E = x.
// Products are summed exactly and converted once. Weights, activations, errors, gradients and what
// the optimiser accumulates into have 16 bits; layer outputs are <6, 10>. Errors are those of
// single pictures, all but for a factor 100 / 64: divided by the batch they would be below the
// step. Momentum is float32 here, where the paper keeps it on the grid too. The paper's rate for
// MNIST, 0.1, trains here in no format with a momentum of 0.9; 0.02 was chosen on pictures held
// out. The figures of the paper are from memory of it (*): its text could not be read here.
#include <CLI/CLI.hpp>
#include <cmath>

#include "examples/cli/session.h"
#include "examples/papers/common/claims.h"
#include "examples/papers/common/formats.h"
#include "framework/check.h"

namespace {

using namespace octet;
using namespace octet::papers;

struct LimitedOptions : FormatOptions {
  LimitedOptions() { common = {.data = "", .seeds = 1}; }
  std::string experiment = "mnist";
  std::int64_t epochs = 0;
  double rate = 0;
};

// Section 4.1: 8C5 - MP2 - 16C5 - MP2 - 128FC - 10.
constexpr const char* mnist_network = R"(network name=gupta-mnist input=28x28x1
convolution channels=8 kernel=5
relu
max_pool window=2
convolution channels=16 kernel=5
relu
max_pool window=2
linear units=128
relu
linear units=classes
)";

// Section 4.2: three times 64C5 - MP3 with stride 2, then 10.
constexpr const char* cifar_network = R"(network name=gupta-cifar input=32x32x3
convolution channels=64 kernel=5 padding=2
relu
max_pool window=3 stride=2
convolution channels=64 kernel=5 padding=2
relu
max_pool window=3 stride=2
convolution channels=64 kernel=5 padding=2
relu
max_pool window=3 stride=2
linear units=classes
)";

// <16 - FL, FL> everywhere, layer outputs <16 - fl_outputs, fl_outputs>.
std::string limited(int fl, int fl_outputs, const char* rounding) {
  const std::string format = join("int16/step", fl, rounding);
  return join("W=int16/step", fl, ",A=int16/step", fl_outputs, rounding, ",E=", format,
              ",G=", format, ",M=", format);
}

// Nearest rounding at FL 8 may diverge: that is what is claimed, so it counts as chance.
std::optional<double> coarse_gap(const Outcomes& all, const char* base) {
  const std::optional<double> coarse = all.mean("nearest FL 8"), other = all.mean(base);
  return coarse && other ? std::optional(*coarse - *other) : std::nullopt;
}

int work(LimitedOptions& options) {
  cli::use_threads({.threads = options.common.threads});
  const bool mnist = options.experiment == "mnist", quick = options.common.quick;
  Task task = load_task(data_of(options.common, mnist ? "mnist" : "cifar10"),
                        mnist ? Shape{28, 28, 1} : Shape{32, 32, 3}, 5000, options.common.seed,
                        quick ? 10000 : 0);
  normalize(task, Pixels::unit);
  Training how{.epochs = epochs_of(options.epochs, options.common, mnist ? 20 : 120, mnist ? 5 : 8),
               .rate = mnist ? 0.02f : 0.01f,
               .weight_decay = 5e-4f,
               .schedule = mnist ? Schedule::Kind::exponential : Schedule::Kind::drops,
               .batch = 100,
               .drop_factor = 0.5f,
               .loss_scale = 64};
  if (options.rate > 0) how.rate = static_cast<float>(options.rate);
  how.floor = std::pow(0.95, static_cast<double>(how.epochs));  // 0.95 an epoch
  if (!mnist)
    for (const int percent : {42, 63, 83})  // after 50, 75 and 100 of 120 epochs
      how.drop_epochs.push_back(how.epochs * percent / 100);
  const int outputs = mnist ? 10 : 12;
  const auto paper = [&](double of_mnist, double of_cifar) {
    return std::optional<double>(mnist ? of_mnist : of_cifar);
  };
  const Outcomes all = compare_formats(
      mnist ? mnist_network : cifar_network, task,
      {{"float32", "float32", paper(0.77, 24.6), how},
       {"stochastic FL 14", limited(14, outputs, "/stochastic"), paper(0.83, 25.4), how},
       {"stochastic FL 12", limited(12, outputs, "/stochastic"), paper(0.90, 28.8), how},
       {"nearest FL 14", limited(14, outputs, ""), {}, how},
       {"stochastic FL 8", limited(8, outputs, "/stochastic"), {}, how},
       {"nearest FL 8", limited(8, outputs, ""), {}, how}},
      options);
  Claims claims;
  claims.add(all.mean("float32"), {.what = "float32: test error, % (*)",
                                   .paper = mnist ? 0.77 : 24.6,
                                   .bound = mnist ? (quick ? 4.0 : 1.3) : (quick ? 60.0 : 28.0)});
  claims.add(all.gap("stochastic FL 14"),
             {.what = "stochastic FL 14: points above float32 (*)",
              .paper = mnist ? 0.06 : 0.8,
              .bound = mnist ? (quick ? 0.5 : 0.15) : (quick ? 3.0 : 1.5)});
  claims.add(
      coarse_gap(all, "float32"),
      {.what = "nearest FL 8: points above float32", .paper = {}, .at_most = false, .bound = 1});
  claims.add(coarse_gap(all, "stochastic FL 8"),
             {.what = "nearest FL 8: points above stochastic FL 8",
              .paper = {},
              .at_most = false,
              .bound = 0});
  return conclude(claims, options.common.json);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App program{"Training in 16-bit fixed point (Gupta 2015).", "limited_precision"};
  LimitedOptions options;
  add_options(program, options);
  program.add_option("--experiment", options.experiment, "mnist (section 4.1) or cifar (4.2)")
      ->check(CLI::IsMember({"mnist", "cifar"}))
      ->capture_default_str();
  program
      .add_option("--epochs", options.epochs,
                  "epochs of each format instead of 20, or 120 of cifar; 5 and 8 with --quick")
      ->check(CLI::Range(1, 10000));
  program
      .add_option("--rate", options.rate, "first learning rate instead of 0.02, or 0.01 of cifar")
      ->check(cli::within(1e-6, 10.0));
  return run(program, argc, argv, [&] { return work(options); });
}

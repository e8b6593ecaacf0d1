// octet quantize: a trained float model becomes codes of 8 bits, without training.
#include <CLI/CLI.hpp>
#include <filesystem>

#include "examples/cli/quantization.h"
#include "framework/check.h"

namespace octet::cli {

void add_quantize(CLI::App& program, Work& work) {
  CLI::App& verb = *program.add_subcommand(
      "quantize", "8-bit weights and activations without training, from a few pictures");
  const auto options = std::make_shared<QuantizeOptions>();
  QuantizeOptions& o = *options;
  verb.add_option("MODEL", o.model, "model file of octet train")->required();
  add_data_options(verb, o.data);
  verb.add_option("--calibration", o.calibration, "training pictures to find ranges on")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  verb.add_option(
          "--method", o.method,
          "ranges of activations: minmax, percentile (without outliers), mse (least squared "
          "error) or entropy (least divergence)")
      ->check(CLI::IsMember({"minmax", "percentile", "mse", "entropy"}))
      ->capture_default_str();
  verb.add_option("--percentile", o.percentile, "share of values within the range, in %")
      ->check(within(50.0, 100.0))
      ->capture_default_str();
  verb.add_flag("--dynamic", o.dynamic,
                "find the ranges of activations anew in each batch, when the model runs");
  verb.add_option("--activations", o.activations,
                  "bits of activations: 8, or 16, which only the float execution can simulate")
      ->check(CLI::IsMember({8, 16}))
      ->capture_default_str();
  verb.add_option("--weights", o.weights, "bits of weights, stored as bytes")
      ->check(CLI::Range(2, 8))
      ->capture_default_str();
  verb.add_option("--equalize", o.equalize,
                  "give neighbouring layers' weights the same range, channel by channel: on, off, "
                  "or auto: where that lowers the loss on pictures held out")
      ->check(CLI::IsMember({"auto", "on", "off"}))
      ->capture_default_str();
  verb.add_option("--correct-biases", o.correct_biases,
                  "take off biases what rounding the weights adds on average: on, off or auto, as "
                  "above")
      ->check(CLI::IsMember({"auto", "on", "off"}))
      ->capture_default_str();
  verb.add_option("--max-drop", o.max_drop,
                  "keep the worst layers in float32 until at most so many points of accuracy are "
                  "lost on the pictures held out. Exit code 3 when that cannot be met")
      ->check(within(-100.0, 100.0));
  verb.add_option("--validation", o.validation,
                  "share of the training pictures held out, for choices; those that octet train "
                  "held out when that and --seed are the same")
      ->check(within(0.0, 0.5))
      ->capture_default_str();
  verb.add_option("--report", o.report,
                  "held-out pictures to measure each layer on, at most; 0 for no table of layers")
      ->check(CLI::Range(0, 1000000))
      ->capture_default_str();
  verb.add_option("--out", o.out, "the file to write; MODEL's name with -quantized unless given");
  add_common_options(verb, o.common);
  verb.footer(
      "Batch norms are folded first. Pictures to calibrate on and to hold out come from the "
      "training\n"
      "set; the test set is read once, at the end.\n"
      "Examples:\n"
      "  octet quantize runs/strokes-lenet5-float32/last.octet --data strokes\n"
      "  octet quantize resnet20.octet --data cifar10 --method percentile --max-drop 0.3");
  verb.callback([&work, &verb, options] {
    options->bounded = verb.count("--max-drop") > 0;
    work = [&verb, options] {
      QuantizeOptions& given = *options;
      use_threads(given.common);
      check(!given.dynamic || (verb.count("--activations") == 0 && verb.count("--method") == 0),
            Failure::usage, "--dynamic: expected no ",
            verb.count("--method") > 0 ? "--method" : "--activations",
            " beside it: its ranges are found when the model runs");
      check(given.method == "percentile" || verb.count("--percentile") == 0, Failure::usage,
            "--percentile: expected --method percentile beside it, got ", given.method);
      check(!given.bounded || given.report > 0, Failure::usage,
            "--max-drop: expected a --report of at least 1 picture, by which layers are ranked");
      if (given.out.empty()) {
        const std::filesystem::path path(given.model);
        given.out = (path.parent_path() / (path.stem().string() + "-quantized.octet")).string();
      }
      std::error_code error;
      check(!std::filesystem::equivalent(given.out, given.model, error), Failure::usage, given.out,
            ": --out is the model itself, which would be lost");
      return Quantization(given).work();
    };
  });
}

}  // namespace octet::cli

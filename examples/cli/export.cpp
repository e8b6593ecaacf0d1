// octet export: a model as a file for other runtimes, read back and compared before it is written.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "examples/cli/export_sample.h"
#include "framework/check.h"
#include "framework/files.h"
#include "framework/random.h"
#include "layers/float_model.h"
#include "layers/lower.h"
#include "quant/onnx/onnx_file.h"

namespace octet::cli {
namespace {

struct ExportOptions {
  std::string model;
  std::string format = "onnx";
  std::string numbers = "auto";
  std::string out;
  bool edges = false;
  std::int64_t sample = 0;
  DataOptions data;
  CommonOptions common;
};

// The network of the model, its weights in their formats, without those of activations: what the
// float32 file must say again.
Network with_float_activations(const Model& model) {
  Precision precision = parse_precision(model.attribute("precision"));
  precision.activations = {};
  for (LayerRule& rule : precision.rules) rule.activations.reset();
  std::erase_if(precision.rules, [](const LayerRule& rule) {
    return !rule.weights && !rule.errors && !rule.gradients && !rule.master;
  });
  Model weights = model;
  weights.attributes["precision"] = print(precision);
  return build_network(weights);
}

Tensor random_pictures(const Shape& image, const Normalization& normalization) {
  Dataset pictures{.name = "random pictures", .image = image, .labels = std::vector<int>(8, 0)};
  pictures.pixels.resize(static_cast<std::size_t>(8 * image.elements()));
  for (std::size_t i = 0; i < pictures.pixels.size(); ++i)
    pictures.pixels[i] =
        static_cast<std::uint8_t>(uniform_below(mix(1), static_cast<std::uint32_t>(i), 256));
  DataLoader loader(pictures, {.batch = 8, .normalization = normalization});
  return loader.next()->images;
}

// Reads the file back as a stranger would and compares scores.
void check_same(const Bytes& bytes, Network& network, const std::string& file,
                const Normalization& normalization) {
  Model again = read_onnx(bytes, file);
  const Tensor images = random_pictures(network.input(), normalization_of(again));
  Network imported = build_network(again);
  const Tensor& got = imported.forward(images, {});
  const Tensor& expected = network.forward(random_pictures(network.input(), normalization), {});
  float difference = 0, size = 1e-30f;
  for (std::int64_t i = 0; i < expected.elements(); ++i) {
    difference = std::max(difference, std::abs(got.floats()[i] - expected.floats()[i]));
    size = std::max(size, std::abs(expected.floats()[i]));
  }
  check(difference <= 1e-4f * size, Failure::mismatch, file,
        ": read back, the scores of random pictures differ by ", difference, ", the largest is ",
        size);
}

// Nothing where float32 was asked for, or where the model has no integers; a model that was trained
// for them gets a note that says why.
std::optional<IntegerNetwork> find_integers(const Model& model, const ExportOptions& options) {
  if (options.numbers == "float32") return {};
  try {
    return lower(model);
  } catch (const Error& error) {
    if (options.numbers == "integers" || error.kind != Failure::usage) throw;
    if (!parse_precision(model.attribute("precision")).activations.is_float32())
      std::cerr << "octet: activations become float32: " << error.what() << '\n';
    return {};
  }
}

int run_export(const ExportOptions& options) {
  use_threads(options.common);
  check(options.sample == 0 || !options.data.data.empty(), Failure::usage,
        "--sample takes pictures of a data set: --data is missing");
  const Model model = open_model(options.model);
  const Normalization normalization = normalization_of(model);
  const std::string out =
      options.out.empty() ? std::filesystem::path(options.model).replace_extension(".onnx").string()
                          : options.out;
  check_writable(out);
  const std::optional<IntegerNetwork> integers = find_integers(model, options);
  check(integers || !options.edges, Failure::usage, "--edges: only integers have codes");
  Network network = with_float_activations(model);
  Bytes bytes;
  if (integers) {
    bytes = write_onnx(*integers, {normalization, model.attributes}, options.edges);
  } else {
    bytes = write_onnx(float_weights(model), normalization);
    check_same(bytes, network, out, normalization);
  }
  if (options.sample > 0) {
    const Splits splits = load_data(options.data, model.definition.input, model.definition.input);
    check_classes(model, splits.test);
    const Sample sample{splits.test, options.sample, normalization};
    if (integers)
      write_sample(out + ".sample", sample, *integers);
    else
      write_sample(out + ".sample", sample, network);
  }
  write_file(out, bytes.data(), bytes.size());
  const char* const numbers = integers ? "integers" : "float32";
  std::cout << out << ": " << bytes.size() << " bytes, ONNX, "
            << (integers ? "8-bit codes between QuantizeLinear and DequantizeLinear"
                         : "float32, read back and compared")
            << std::endl;
  if (options.common.json)
    std::cout << Json{{"file", out}, {"bytes", bytes.size()}, {"numbers", numbers}}.dump()
              << std::endl;
  return 0;
}

}  // namespace

void add_export(CLI::App& program, Work& work) {
  CLI::App& verb = *program.add_subcommand("export", "a model as a file for other runtimes");
  const auto options = std::make_shared<ExportOptions>();
  verb.add_option("MODEL", options->model, "model file, compressed or not")->required();
  verb.add_option("--format", options->format, "onnx")
      ->check(CLI::IsMember({"onnx"}))
      ->capture_default_str();
  verb.add_option("--out", options->out, "file to write; MODEL with the ending .onnx unless given");
  verb.add_option("--numbers", options->numbers,
                  "float32, integers (8-bit codes between layers), or auto: integers where the "
                  "model was trained for them")
      ->check(CLI::IsMember({"auto", "float32", "integers"}))
      ->capture_default_str();
  verb.add_flag("--edges", options->edges,
                "integers: the codes between layers become outputs too, to be compared");
  verb.add_option("--sample", options->sample,
                  "writes so many test pictures with labels, scores and codes as raw files into "
                  "OUT.sample, to compare a runtime with (examples/cli/export_sample.h)")
      ->check(CLI::Range(1, 1 << 20));
  add_data_options(verb, options->data, false);
  add_common_options(verb, options->common);
  verb.footer(
      "Images go in as N x C x H x W with values 0 .. 255; the file normalises them itself.\n"
      "Example:\n"
      "  octet export runs/strokes-lenet5-int8/last.octet --format onnx --out lenet5.onnx");
  verb.callback([&work, options] { work = [options] { return run_export(*options); }; });
}

}  // namespace octet::cli

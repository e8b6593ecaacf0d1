// octet predict: labels and scores of pictures.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "examples/cli/precision_option.h"
#include "examples/cli/session.h"
#include "framework/check.h"
#include "framework/image.h"
#include "layers/losses.h"
#include "quant/compression/model_file.h"

namespace octet::cli {
namespace {

struct PredictOptions {
  std::string model;
  std::vector<std::string> images;
  CommonOptions common;
  int top = 3;
  bool skip_bad = false;
};

Dataset read_picture(const std::string& file, const Model& model) {
  const Shape& input = model.definition.input;
  const Image image = fit(read_image(file, static_cast<int>(input[2])), input[0], input[1]);
  return {.name = file, .image = image.shape, .pixels = image.pixels, .labels = {0}};
}

int run_predict(const PredictOptions& options) {
  use_threads(options.common);
  const Model model = open_model(options.model);
  const Normalization normalization = normalization_of(model);
  const std::vector<std::string> classes = classes_of(model);
  note_simulation(model);
  Network network = build_network(model);
  const auto count = static_cast<std::int64_t>(classes.size());
  Json results = Json::array();
  int skipped = 0;
  for (const std::string& file : options.images) {
    Dataset picture;
    try {
      picture = read_picture(file, model);
    } catch (const Error& error) {
      if (!options.skip_bad) throw;
      std::cerr << "octet: skipped " << error.what() << '\n';
      ++skipped;
      continue;
    }
    DataLoader loader(picture, {.batch = 1, .normalization = normalization});
    loader.start(0);
    const Tensor& scores = network.forward(loader.next()->images, {});
    std::vector<float> share(scores.floats(), scores.floats() + count);
    softmax(share.data(), count);
    std::vector<std::size_t> order(share.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return share[a] > share[b]; });
    std::cout << file << ':';
    Json best = Json::array();
    for (std::size_t i = 0; i < std::min(order.size(), static_cast<std::size_t>(options.top));
         ++i) {
      std::cout << "  " << classes[order[i]]
                << format_text(" %.3f", static_cast<double>(share[order[i]]));
      best.push_back({{"class", classes[order[i]]}, {"score", share[order[i]]}});
    }
    std::cout << std::endl;
    results.push_back({{"image", file}, {"answers", best}});
  }
  if (options.common.json)
    std::cout << Json{{"predictions", results}, {"skipped", skipped}}.dump() << std::endl;
  return 0;
}

}  // namespace

void add_predict(CLI::App& program, Work& work) {
  CLI::App& verb = *program.add_subcommand("predict", "what is in these pictures");
  const auto options = std::make_shared<PredictOptions>();
  verb.add_option("MODEL", options->model, "model file")->required();
  verb.add_option("IMAGE", options->images, "pictures: JPEG, PNG, BMP, PNM, GIF, TGA, PSD")
      ->required()
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  verb.add_option("--top", options->top, "answers a picture")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  verb.add_flag("--skip-bad", options->skip_bad, "pass over pictures that cannot be read");
  add_common_options(verb, options->common);
  verb.footer(
      "Pictures are scaled and cropped to the model's input, as in training.\n"
      "Example:\n"
      "  octet predict runs/strokes-lenet5-int8/last.octet picture.png");
  verb.callback([&work, options] { work = [options] { return run_predict(*options); }; });
}

}  // namespace octet::cli

#include "examples/cli/session.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdarg>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <sstream>

#include "datasets/image_folder.h"
#include "datasets/transforms.h"
#include "examples/cli/precision_option.h"
#include "framework/check.h"
#include "framework/files.h"
#include "framework/parallel.h"
#include "layers/losses.h"
#include "quant/compression/model_file.h"

namespace octet::cli {

namespace {
const Stopwatch since_loaded;
}

double process_seconds() { return since_loaded.seconds(); }

void add_data_options(CLI::App& verb, DataOptions& options, bool required) {
  auto* data =
      verb.add_option("--data", options.data, "data set: a name (see octet data list) or a folder");
  if (required) data->required();
  verb.add_flag("--skip-bad", options.skip_bad,
                "leave out pictures that cannot be read, instead of stopping");
  verb.add_option("--hold-out", options.hold_out,
                  "share of a folder without test pictures that becomes the test set")
      ->check(within(0.01, 0.9))
      ->capture_default_str();
  verb.add_option("--split-seed", options.split_seed,
                  "chooses that share, and the pictures of strokes; keep it from train to eval")
      ->check(CLI::Range(0.0, 0x1p53))
      ->capture_default_str();
}

void add_common_options(CLI::App& verb, CommonOptions& options) {
  verb.add_option("--seed", options.seed, "selects every random number")
      ->check(CLI::Range(0.0, 0x1p53))
      ->capture_default_str();
  verb.add_option("--threads", options.threads, "threads; 0 takes every processor there is")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  verb.add_flag("--json", options.json, "print one JSON object as the last line of stdout");
  verb.add_option("--config", options.config, "TOML file with values for these options");
}

int use_threads(const CommonOptions& options) {
  set_threads(options.threads > 0 ? options.threads : available_processors());
  return threads();
}

Splits load_data(const DataOptions& options, const Shape& image, const Shape& folder_image) {
  Request request{.image = image,
                  .seed = options.split_seed,
                  .skip_bad = options.skip_bad,
                  .hold_out = options.hold_out};
  if (image.rank() == 0 && std::filesystem::is_directory(options.data) &&
      is_image_folder(options.data))
    request.image = folder_image;
  Splits splits = load(options.data, request);
  for (const std::string& note : splits.notes) std::cerr << "octet: " << note << '\n';
  return splits;
}

void describe(Model& model, const Dataset& data, const Normalization& normalization,
              const Precision& precision, const std::string& loss) {
  std::string classes, mean, deviation;
  for (const std::string& name : data.classes) classes += (classes.empty() ? "" : "\n") + name;
  for (const float value : normalization.mean) mean += format_text("%.9g ", value);
  for (const float value : normalization.deviation) deviation += format_text("%.9g ", value);
  model.attributes["classes"] = classes;
  model.attributes["mean"] = mean;
  model.attributes["deviation"] = deviation;
  model.attributes["dataset"] = data.name;
  model.attributes["precision"] = print(precision);
  model.attributes["loss"] = loss;
}

Normalization normalization_of(const Model& model) {
  const auto numbers = [&](const char* key) {
    std::istringstream text(model.attribute(key));
    std::vector<float> values;
    for (float value = 0; text >> value;) values.push_back(value);
    check(static_cast<std::int64_t>(values.size()) == model.definition.input[2] && text.eof(),
          Failure::data, "the model's attribute '", key, "': expected ", model.definition.input[2],
          " numbers");
    return values;
  };
  Normalization normalization{numbers("mean"), numbers("deviation")};
  for (const float value : normalization.deviation)
    check(value > 0, Failure::data, "the model's attribute 'deviation': expected positive numbers");
  return normalization;
}

std::vector<std::string> classes_of(const Model& model) {
  std::istringstream text(model.attribute("classes"));
  std::vector<std::string> classes;
  for (std::string line; std::getline(text, line);) classes.push_back(line);
  return classes;
}

void check_classes(const Model& model, const Dataset& data) {
  const std::vector<std::string> classes = classes_of(model);
  check(classes.size() == data.classes.size(), Failure::data, "the model knows ", classes.size(),
        " classes, ", data.name, " has ", data.classes.size());
  for (std::size_t i = 0; i < classes.size(); ++i)
    check(classes[i] == data.classes[i], Failure::data, "class ", i, " is '", classes[i],
          "' in the model and '", data.classes[i], "' in ", data.name);
}

void check_usable(const Model& model, const std::string& file) {
  try {
    const Shape& input = model.definition.input;
    check((input[2] == 1 || input[2] == 3) && input[0] <= 4096 && input[1] <= 4096, Failure::data,
          "expected an input of 1 or 3 channels and at most 4096 pixels a side, got ",
          print(input));
    const Network network = build_network(model);
    const std::size_t classes = classes_of(model).size();
    check(network.output().elements() == static_cast<std::int64_t>(classes), Failure::data, classes,
          " class names for ", network.output().elements(), " scores");
    normalization_of(model);
    make_loss(model.attribute("loss"));
  } catch (const Error& error) {
    fail(Failure::data, file, ": ", error.what());
  }
}

Model open_model(const std::string& file, std::vector<TensorReport>* reports) {
  Model model = decode(read_file(file), file, reports);
  check_usable(model, file);
  return model;
}

Model write_checked(const std::string& file, const Bytes& bytes, const Model& meant) {
  write_file(file, bytes.data(), bytes.size());
  Model decoded = decode(read_file(file), file);
  check(same_bits(decoded, meant), Failure::mismatch, file,
        ": decodes to another model than was encoded");
  return decoded;
}

namespace {

struct Augment {
  std::string kind;
  int pixels = 0;  // 0: by the picture's size
};

Augment parse_augment(const std::string& text) {
  const std::size_t colon = text.find(':');
  Augment augment{text.substr(0, colon)};
  const bool moves = augment.kind == "crop" || augment.kind == "crop-flip" ||
                     augment.kind == "translate" || augment.kind == "translate-alternate";
  bool valid = moves || augment.kind == "auto" || augment.kind == "none";
  if (colon != std::string::npos) {
    const char* const end = text.data() + text.size();
    const auto [last, failure] = std::from_chars(text.data() + colon + 1, end, augment.pixels);
    valid = moves && failure == std::errc() && last == end && augment.pixels >= 1 &&
            augment.pixels <= 64;
  }
  check(
      valid, Failure::usage,
      "expected none, auto, crop, crop-flip, translate, translate-alternate, or crop:PIXELS with 1 "
      "to 64, got '",
      text, "'");
  return augment;
}

}  // namespace

void add_augment_option(CLI::App& verb, std::string& augment) {
  verb.add_option(
          "--augment", augment,
          "none, crop (zeros come in), crop-flip, translate (the mirrored picture comes in), "
          "translate-alternate (mirrored in every second epoch), any of them with :2 for "
          "shifts of up to 2 pixels (an eighth of the height unless given), or auto: "
          "crop-flip for colour pictures")
      ->check([](const std::string& text) {
        try {
          parse_augment(text);
          return std::string();
        } catch (const Error& error) {
          return std::string(error.what());
        }
      })
      ->capture_default_str();
}

void add_test_augmentation_option(CLI::App& verb, std::string& augmentation) {
  verb.add_option("--test-augmentation", augmentation,
                  "scores are means over the picture and its mirror image (mirror), and those "
                  "shifted by a pixel (mirror-shift), or of the picture alone (none)")
      ->check(CLI::IsMember({"none", "mirror", "mirror-shift"}))
      ->capture_default_str();
}

Transform find_transform(const std::string& augment, const Dataset& data) {
  const auto [kind, pixels] = parse_augment(augment);
  if (kind == "none" || (kind == "auto" && data.image[2] == 1)) return {};
  const int pad =
      pixels > 0 ? pixels : static_cast<int>(std::max<std::int64_t>(2, data.image[0] / 8));
  if (kind == "crop") return pad_crop(pad);
  if (kind == "translate") return translate(pad);
  if (kind == "translate-alternate") return chain({translate(pad), alternating_flip()});
  return chain({pad_crop(pad), flip()});
}

Evaluation evaluate_model(const Model& model, const Dataset& data, std::int64_t batch,
                          std::optional<RequantRounding> integer, TestAugmentation augmentation) {
  if (!integer) note_simulation(model);
  Network network = build_network(model);
  IntegerForward in_integers(integer ? lower(network, model.attribute("precision"), *integer)
                                     : IntegerNetwork());
  const auto loss = make_loss(model.attribute("loss"));
  DataLoader loader(data, {.batch = batch, .normalization = normalization_of(model)});
  Evaluation result;
  const Stopwatch watch;
  AugmentedForward forward(
      [&](const Tensor& images) -> const Tensor& {
        return integer ? in_integers(images) : network.forward(images, {});
      },
      augmentation);
  result.metrics = evaluate([&](const Tensor& images) -> const Tensor& { return forward(images); },
                            *loss, loader, &result.confusion);
  result.seconds = watch.seconds();
  return result;
}

std::string percent(const Metrics& metrics) {
  return format_text("%.2f %% (%lld of %lld)", 100 * metrics.error(),
                     static_cast<long long>(metrics.wrong), static_cast<long long>(metrics.images));
}

Progress::Progress() : terminal_(isatty(STDERR_FILENO) != 0) {}

void Progress::show(const std::string& what, double share) {
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_ || (shown_ && now - last_ < std::chrono::milliseconds(100))) return;
  last_ = now;
  shown_ = true;
  constexpr int width = 30;
  const int full = static_cast<int>(share * width);
  std::cerr << '\r' << what << " [" << std::string(static_cast<std::size_t>(full), '=')
            << std::string(static_cast<std::size_t>(width - full), ' ') << "] "
            << format_text("%3.0f %%", 100 * share) << "\033[K" << std::flush;
}

void Progress::clear() {
  if (shown_) std::cerr << "\r\033[K" << std::flush;
  shown_ = false;
}

std::string format_text(const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  char text[512];
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return text;
}

}  // namespace octet::cli

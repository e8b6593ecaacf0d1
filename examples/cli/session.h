// What the verbs share: options, data, and models on the way between file and network.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "datasets/catalog.h"
#include "examples/cli/program.h"
#include "framework/files.h"
#include "framework/model.h"
#include "framework/test_augmentation.h"
#include "framework/training.h"
#include "layers/build.h"
#include "layers/lower.h"
#include "quant/compression/tensor_report.h"
#include "quant/numbers/quantizer.h"

namespace octet::cli {

struct DataOptions {
  std::string data;
  bool skip_bad = false;
  double hold_out = 0.2;
  std::uint64_t split_seed = 1;
};

struct CommonOptions {
  std::uint64_t seed = 1;
  int threads = 0;
  bool json = false;
  std::string config;
};

/// Adds --data, --skip-bad, --hold-out, --split-seed; `required` for --data.
void add_data_options(CLI::App& verb, DataOptions& options, bool required = true);
/// Adds --seed, --threads, --json, --config.
void add_common_options(CLI::App& verb, CommonOptions& options);

/// Sets the number of threads and returns it: as asked, or all the processors there are.
int use_threads(const CommonOptions& options);

/// The data set; pictures take the shape `image` (as stored when it has rank 0, or `folder_image`
/// for a folder of pictures, whose own sizes vary). Notes go to stderr.
Splits load_data(const DataOptions& options, const Shape& image, const Shape& folder_image);

/// Writes normalisation, class names, data set, precision and loss into the model's attributes.
void describe(Model& model, const Dataset& data, const Normalization& normalization,
              const Precision& precision, const std::string& loss);
Normalization normalization_of(const Model& model);
std::vector<std::string> classes_of(const Model& model);

/// Throws Error(data), naming the file, unless the model can be used: the network can be built from
/// it, takes pictures of 1 or 3 channels and up to 4096 pixels a side, gives a score for each class
/// name, and normalisation, precision and loss are understood.
void check_usable(const Model& model, const std::string& file);

/// Reads a model that can be used. `reports` gets how each tensor is stored. Throws Error(data),
/// naming the file.
Model open_model(const std::string& file, std::vector<TensorReport>* reports = nullptr);

/// Writes the bytes that `meant` was encoded to and gives what the file holds: what counts is what
/// was written. Throws Error(mismatch) where that is another model.
Model write_checked(const std::string& file, const Bytes& bytes, const Model& meant);

/// --augment: none, crop (zero padding), crop-flip, either with :PIXELS, or auto, which is
/// crop-flip for colour pictures and none for grey ones (a mirrored digit is another sign).
void add_augment_option(CLI::App& verb, std::string& augment);
Transform find_transform(const std::string& augment, const Dataset& data);

/// Throws Error(data) when the data has other classes than the model was trained for.
void check_classes(const Model& model, const Dataset& data);

struct Evaluation {
  Metrics metrics;
  std::vector<std::int64_t> confusion;  ///< classes x classes, row = label
  double seconds = 0;
  double images_per_second() const {
    return seconds > 0 ? static_cast<double>(metrics.images) / seconds : 0;
  }
};

/// The model on all pictures of a data set, in the model's own precision; `integer`: lowered to
/// integers with this rounding. Throws Error(usage) where it has no integer form.
Evaluation evaluate_model(const Model& model, const Dataset& data, std::int64_t batch = 250,
                          std::optional<RequantRounding> integer = {},
                          TestAugmentation augmentation = TestAugmentation::none);

/// Adds --test-augmentation.
void add_test_augmentation_option(CLI::App& verb, std::string& augmentation);

/// Scores of images as float32, from integers only.
class IntegerForward {
 public:
  explicit IntegerForward(IntegerNetwork network) : network_(std::move(network)) {}
  const Tensor& operator()(const Tensor& images) {
    network_.encode(images, codes_);
    decode(network_.run(codes_), scores_);
    return scores_;
  }

 private:
  IntegerNetwork network_;
  Tensor codes_, scores_;
};

/// "0.83 % (83 of 10000)"
std::string percent(const Metrics& metrics);

/// A bar on stderr when that is a terminal, else nothing.
class Progress {
 public:
  Progress();
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void show(const std::string& what, double share);
  void clear();

 private:
  bool terminal_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point last_;
};

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// Seconds since the program was loaded.
double process_seconds();

/// printf into a string.
[[gnu::format(printf, 1, 2)]] std::string format_text(const char* format, ...);

}  // namespace octet::cli

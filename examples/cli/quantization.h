// octet quantize, step by step: the float model, calibrated on a few training pictures; choices
// made on others that are held out; the file, read back and tested.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "examples/cli/session.h"
#include "layers/post_training.h"

namespace octet::cli {

struct QuantizeOptions {
  std::string model;
  DataOptions data;
  CommonOptions common;
  std::int64_t calibration = 100;
  std::string method = "mse";
  double percentile = 99.99;
  bool dynamic = false;
  int activations = 8;
  int weights = 8;
  std::string equalize = "auto";
  std::string correct_biases = "auto";
  double max_drop = 0;
  bool bounded = false;  ///< by max_drop
  double validation = 0.05;
  std::int64_t report = 1000;
  std::string out;
};

/// What quantising one layer alone does.
struct LayerReport {
  std::string name, kind;
  std::int64_t weights = 0;
  double decibels = 0;      ///< signal to noise of its output, on the calibration pictures
  double loss_change = 0;   ///< on held-out pictures
  double error_change = 0;  ///< a fraction
  bool in_float = false;
};

class Quantization {
 public:
  explicit Quantization(const QuantizeOptions& options);
  /// The program's exit code. Throws Error(bound) where --max-drop cannot be met.
  int work();

 private:
  Metrics measure(const Model& model, const Dataset& data);
  /// Measured on the pictures held out.
  Metrics measure_quantized();
  /// What is quantised from now on.
  void begin_with(Model model);
  void choose_equalization();
  void choose_correction();
  void report_layers();
  void keep_layers();
  void print_layers() const;
  int finish();

  QuantizeOptions options_;
  Model original_, float_;
  Splits splits_;
  Dataset held_, reported_;
  std::vector<Tensor> batches_;  // of calibration
  Normalization normalization_;
  std::unique_ptr<Loss> loss_;
  PostTraining how_;
  Calibration calibration_;
  bool equalized_ = false;
  Metrics float_metrics_, metrics_;  // on the pictures held out
  std::vector<LayerReport> layers_;  // the worst first
};

}  // namespace octet::cli

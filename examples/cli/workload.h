// What `octet bench` measures: steps of one network in one precision, on random images.
#pragma once

#include <memory>
#include <string>

#include "examples/cli/session.h"
#include "framework/files.h"
#include "framework/loss.h"
#include "framework/network.h"
#include "framework/optimizer.h"

namespace octet::cli {

struct WorkOptions {
  std::string work = "train";  ///< or "infer"
  std::string model = "vgg7";
  std::string precision = "int8";
  bool simulate_bfloat16 = false;
  std::int64_t batch = 128;
  int threads = 1;
};

/// A zoo network with random weights, in the precision asked for, for its usual input and ten
/// classes. Throws Error(usage) where either is unknown, or bfloat16 is lacking.
Network make_network(const WorkOptions& options);
/// SGD as in training: momentum 0.9, weight decay 5e-4.
std::unique_ptr<Optimizer> make_optimizer(Network& network);

/// The network of an inference work as an ONNX file, in float32 or in integers.
Bytes workload_onnx(const WorkOptions& options, bool integers);

class Workload {
 public:
  explicit Workload(const WorkOptions& options);
  /// Training: forward, loss, backward, optimiser. Inference: forward in evaluation mode, in
  /// integers where the precision is one that simulates them. Throws
  /// Error(numbers) where the loss is not finite.
  void step();

 private:
  Network network_;
  std::unique_ptr<Optimizer> optimizer_;  // none for inference
  std::unique_ptr<IntegerForward> integer_;
  std::unique_ptr<Loss> loss_;
  Tensor images_, error_;
  std::vector<std::int32_t> labels_;
  Pass pass_;
};

}  // namespace octet::cli

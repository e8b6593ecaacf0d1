// Primitives for products of reals: each is made once for its task and kept. Included by
// framework/dnn*.cpp only.
#pragma once

#include <memory>

#include "framework/bfloat16.h"
#include "framework/dnn_memory.h"

namespace octet::dnn {

enum class Work : std::int64_t { forward, input_error, weight_gradient };

/// What a primitive is made for. A linear layer has shapes of rank 2 and no window.
struct Task {
  Work work;
  Element operands;
  Store store;
  bool bias = false;
  Shape input, weight;
  Window window = {};
  bool one_thread = false;  ///< runs on the thread that calls it, with scratch memory it brings

  bool is_linear() const { return input.rank() == 2; }
  Shape output() const {
    return is_linear() ? Shape{input[0], weight[0]} : convolution_shape(input, weight, window);
  }
};

/// A primitive and the way of its weights, or of its gradient, from or to the order they are stored
/// in; no reorder where it takes that.
struct Prepared {
  dnnl::primitive primitive;
  dnnl::memory::desc source, target, stored_weight, wanted_weight, scratch;
  dnnl::reorder reorder;
};

/// The primitive for a task, made when it is first asked for.
std::shared_ptr<const Prepared> find(const Task& task);

dnnl::memory::desc bias_desc(const Task& task);

/// Memory for the weights of the primitive that runs, in its order: one for all, since only one
/// runs at a time.
void* shared_memory(std::size_t bytes);
dnnl::memory ordered_weights(const Prepared& made);

/// Runs `body`, turning oneDNN's exceptions into ours.
template <class Body>
void run(const char* what, const Body& body) {
  try {
    body();
    stream().wait();
  } catch (const dnnl::error& error) {
    fail(Failure::failed, "oneDNN cannot compute the ", what, ": ", error.what());
  }
}

/// dLoss/dWeight of operands of one element, float32.
void weight_gradient(const Task& task, const Tensor& input, const Tensor& error, Tensor& gradient);

}  // namespace octet::dnn

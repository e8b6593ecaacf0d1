// Products of float32 and of bfloat16. Primitives take weights in an order of their own choice,
// which they are brought to (and rounded) before each run.
#include <algorithm>

#include "framework/dnn.h"
#include "framework/dnn_task.h"
#include "framework/rotated_weights.h"

namespace octet::dnn {
namespace {

using dnnl::memory;

memory weights_for(const Prepared& made, const Tensor& weight) {
  memory stored = borrow(made.stored_weight, weight.raw());
  if (!made.reorder) return stored;
  memory ordered = ordered_weights(made);
  made.reorder.execute(stream(), stored, ordered);
  return ordered;
}

void forward(const Task& task, const Tensor& input, const Tensor& weight, const Tensor* bias,
             Tensor& output) {
  assert(weight.element() == Element::float32);
  output.resize(task.output(), task.store.element);
  run("forward product", [&] {
    const auto made = find(task);
    std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, borrow(made->source, input.raw())},
                                              {DNNL_ARG_WEIGHTS, weights_for(*made, weight)},
                                              {DNNL_ARG_DST, borrow(made->target, output.raw())}};
    if (bias) arguments[DNNL_ARG_BIAS] = borrow(bias_desc(task), bias->raw());
    made->primitive.execute(stream(), arguments);
  });
}

void input_error(const Task& task, const Tensor& error, const Tensor& weight, Tensor& result) {
  assert(weight.element() == Element::float32);
  result.resize(task.input, task.store.element);
  run("error at the input", [&] {
    const auto made = find(task);
    made->primitive.execute(stream(), {{DNNL_ARG_DIFF_DST, borrow(made->target, error.raw())},
                                       {DNNL_ARG_WEIGHTS, weights_for(*made, weight)},
                                       {DNNL_ARG_DIFF_SRC, borrow(made->source, result.raw())}});
  });
}

// Whether an error goes back by a forward convolution, whose bfloat16 kernels are the faster ones
// with AMX: of stride 1, and with no padding of the way back below 0.
bool goes_back_forward(const Task& task) {
  const Window& w = task.window;
  return isa() == Isa::amx && task.operands == Element::bfloat16 && w.stride == 1 &&
         std::max(w.pad_top, w.pad_bottom) < w.kernel_h &&
         std::max(w.pad_left, w.pad_right) < w.kernel_w;
}

}  // namespace

void convolution(const Tensor& input, const Tensor& weight, const Tensor* bias,
                 const Window& window, const Store& store, Tensor& output) {
  forward({.work = Work::forward,
           .operands = input.element(),
           .store = store,
           .bias = bias != nullptr,
           .input = input.shape(),
           .weight = weight.shape(),
           .window = window},
          input, weight, bias, output);
}

void convolution_input_error(const Tensor& error, const Tensor& weight, const Window& window,
                             const Shape& input, Element element, Tensor& result) {
  const Task task{.work = Work::input_error,
                  .operands = error.element(),
                  .store = {element},
                  .input = input,
                  .weight = weight.shape(),
                  .window = window};
  if (!goes_back_forward(task)) return input_error(task, error, weight, result);
  static thread_local Tensor rotated;
  rotate_weights<float>(weight, window.groups, rotated);
  const Window back = rotated_window(window, error.shape()[1], error.shape()[2], input);
  convolution(error, rotated, nullptr, back, {element}, result);
}

void convolution_weight_gradient(const Tensor& input, const Tensor& error, const Window& window,
                                 const Shape& weight, Tensor& gradient) {
  weight_gradient({.work = Work::weight_gradient,
                   .operands = input.element(),
                   .store = {},
                   .input = input.shape(),
                   .weight = weight,
                   .window = window},
                  input, error, gradient);
}

void linear(const Tensor& input, const Tensor& weight, const Tensor* bias, const Store& store,
            Tensor& output) {
  forward({.work = Work::forward,
           .operands = input.element(),
           .store = store,
           .bias = bias != nullptr,
           .input = input.shape(),
           .weight = weight.shape()},
          input, weight, bias, output);
}

void linear_input_error(const Tensor& error, const Tensor& weight, Element element,
                        Tensor& result) {
  input_error({.work = Work::input_error,
               .operands = error.element(),
               .store = {element},
               .input = {error.shape()[0], weight.shape()[1]},
               .weight = weight.shape()},
              error, weight, result);
}

void linear_weight_gradient(const Tensor& input, const Tensor& error, Tensor& gradient) {
  weight_gradient({.work = Work::weight_gradient,
                   .operands = input.element(),
                   .store = {},
                   .input = input.shape(),
                   .weight = {error.shape()[1], input.shape()[1]}},
                  input, error, gradient);
}

}  // namespace octet::dnn

// Products of float32 and of bfloat16. Primitives take weights in an order of their own choice,
// which they are brought to (and rounded) before each run.
#include <algorithm>

#include "framework/dnn.h"
#include "framework/dnn_task.h"
#include "framework/parallel.h"

namespace octet::dnn {
namespace {

using dnnl::memory;

OCTET_KERNEL void add_kernel(const float* x, std::int64_t begin, std::int64_t end, float* sums) {
  for (std::int64_t i = begin; i < end; ++i) sums[i] += x[i];
}

// Memory for the weights of the primitive that runs, in its order: one for all, since only one runs
// at a time.
void* shared_memory(std::size_t bytes) {
  static Tensor shared;
  shared.resize({static_cast<std::int64_t>(bytes)}, Element::uint8);
  return shared.raw();
}

memory ordered_weights(const Prepared& made) {
  return borrow(made.wanted_weight, shared_memory(made.wanted_weight.get_size()));
}

memory weights_for(const Prepared& made, const Tensor& weight) {
  memory stored = borrow(made.stored_weight, weight.raw());
  if (!made.reorder) return stored;
  memory ordered = ordered_weights(made);
  made.reorder.execute(stream(), stored, ordered);
  return ordered;
}

// Runs `body`, turning oneDNN's exceptions into ours.
template <class Body>
void run(const char* what, const Body& body) {
  try {
    body();
    stream().wait();
  } catch (const dnnl::error& error) {
    fail(Failure::failed, "oneDNN cannot compute the ", what, ": ", error.what());
  }
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

// The gradient as a sum of those of blocks of images, one a thread. oneDNN's own division of the
// bfloat16 kernels makes threads wait for each other several times an image, which takes a
// time slice each where the processors are shared.
// False where their gradients would come in different orders.
bool weight_gradient_in_blocks(const Task& task, const Tensor& input, const Tensor& error,
                               Tensor& gradient) {
  const std::int64_t images = task.input[0], blocks = std::min<std::int64_t>(threads(), images);
  const auto first_of = [&](std::int64_t block) { return images * block / blocks; };
  std::vector<std::shared_ptr<const Prepared>> made;
  for (std::int64_t block = 0; block < blocks; ++block) {
    Task part = task;
    part.one_thread = true;
    part.input = task.input.without_front().with_front(first_of(block + 1) - first_of(block));
    made.push_back(find(part));
    if (made.back()->wanted_weight != made[0]->wanted_weight) return false;
  }
  const std::size_t bytes = made[0]->wanted_weight.get_size();
  const auto count = static_cast<std::int64_t>(bytes / sizeof(float));
  auto* const sums = static_cast<float*>(shared_memory(static_cast<std::size_t>(blocks) * bytes));
  const std::size_t image = input.bytes() / static_cast<std::size_t>(images),
                    error_image = error.bytes() / static_cast<std::size_t>(images);
  parallel_for(blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = begin; block < end; ++block) {
      const Prepared& p = *made[static_cast<std::size_t>(block)];
      const auto first = static_cast<std::size_t>(first_of(block));
      p.primitive.execute(
          own_stream(),
          {{DNNL_ARG_SRC,
            borrow(p.source, static_cast<const std::byte*>(input.raw()) + first * image)},
           {DNNL_ARG_DIFF_DST,
            borrow(p.target, static_cast<const std::byte*>(error.raw()) + first * error_image)},
           {DNNL_ARG_DIFF_WEIGHTS, borrow(p.wanted_weight, sums + block * count)},
           {DNNL_ARG_SCRATCHPAD, borrow(p.scratch, own_scratch(p.scratch.get_size()))}});
      own_stream().wait();
    }
  });
  const bool reordered = static_cast<bool>(made[0]->reorder);
  float* const total = reordered ? sums : gradient.floats();
  parallel_for(count, 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = 1; block < blocks; ++block)
      add_kernel(sums + block * count, begin, end, sums);
    if (total != sums) std::copy(sums + begin, sums + end, total + begin);
  });
  if (!reordered) return true;
  memory stored = borrow(made[0]->stored_weight, gradient.raw());
  memory ordered = borrow(made[0]->wanted_weight, sums);
  made[0]->reorder.execute(stream(), ordered, stored);
  return true;
}

// Where copies of the gradient are small beside what is read for it.
bool comes_in_blocks(const Task& task) {
  return task.operands == Element::bfloat16 && !task.is_linear() && threads() > 1 &&
         task.input[0] > 1 &&
         2 * threads() * task.weight.elements() <= task.input.elements() + task.output().elements();
}

void weight_gradient(const Task& task, const Tensor& input, const Tensor& error, Tensor& gradient) {
  assert(input.element() == error.element());
  gradient.resize(task.weight);
  run("weight gradient", [&] {
    if (comes_in_blocks(task) && weight_gradient_in_blocks(task, input, error, gradient)) return;
    const auto made = find(task);
    memory stored = borrow(made->stored_weight, gradient.raw());
    memory ordered = made->reorder ? ordered_weights(*made) : stored;
    made->primitive.execute(stream(), {{DNNL_ARG_SRC, borrow(made->source, input.raw())},
                                       {DNNL_ARG_DIFF_DST, borrow(made->target, error.raw())},
                                       {DNNL_ARG_DIFF_WEIGHTS, ordered}});
    if (made->reorder) made->reorder.execute(stream(), ordered, stored);
  });
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
  input_error({.work = Work::input_error,
               .operands = error.element(),
               .store = {element},
               .input = input,
               .weight = weight.shape(),
               .window = window},
              error, weight, result);
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

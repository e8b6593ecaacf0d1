// Products of float32 and of bfloat16. Primitives take weights in an order of their own choice,
// which they are brought to (and rounded) before each run.
#include <algorithm>

#include "framework/arithmetic.h"
#include "framework/dnn.h"
#include "framework/dnn_task.h"
#include "framework/image_strips.h"
#include "framework/parallel.h"
#include "framework/rotated_weights.h"

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

// Positions of a line of strips: two tiles of AMX hold them.
constexpr std::int64_t strip_positions = 64;
// Operands that are laid into strips and multiplied at a time.
constexpr std::int64_t block_bytes = 4 << 20;

// A gradient as the sum of those of blocks of strips; without AMX strips are images and there is a
// block for each thread.
struct Blocks {
  ImageStrips strips;
  std::int64_t strips_in_block, count;
  Task task;  // of one block

  explicit Blocks(const Task& whole) : strips(strips_of(whole)), task(whole) {
    const std::int64_t all = ceil_div(whole.input[0], strips.images());
    count = threads();
    if (isa() == Isa::amx) {
      const std::int64_t bytes = 2 * (whole.input.elements() + whole.output().elements());
      // Every block's gradient is read and written again when it is added.
      const std::int64_t least = std::max(block_bytes, 16 * whole.weight.elements());
      count = ceil_div(std::max<std::int64_t>(bytes / least, 1), threads()) * threads();
    }
    strips_in_block = ceil_div(all, std::min(count, all));
    count = ceil_div(all, strips_in_block);
    task.one_thread = true;
    task.input = strips.shape(whole.input, strips_in_block);
  }

 private:
  // There is a strip for each thread if there is an image for each.
  static ImageStrips strips_of(const Task& whole) {
    const std::int64_t share = std::max<std::int64_t>(whole.input[0] / threads(), 1);
    return {whole.input.without_front().with_front(share), whole.window,
            isa() == Isa::amx ? strip_positions : 0};
  }
};

struct Operands {
  Tensor inputs, errors;
};

// Strips, of the calling thread.
Operands& held_strips(const Task& task) {
  static thread_local Operands held;
  held.inputs.resize(task.input, Element::bfloat16);
  held.errors.resize(task.output(), Element::bfloat16);
  return held;
}

// oneDNN's own division of the bfloat16 kernels makes threads wait for each other several times an
// image, which takes a time slice each where the processors are shared.
void weight_gradient_in_blocks(const Blocks& blocks, const Tensor& input, const Tensor& error,
                               Tensor& gradient) {
  const auto made = find(blocks.task);
  const std::size_t bytes = made->wanted_weight.get_size();
  const auto size = static_cast<std::int64_t>(bytes / sizeof(float));
  const std::int64_t parts = std::min<std::int64_t>(threads(), blocks.count);
  auto* const sums = static_cast<float*>(shared_memory(static_cast<std::size_t>(parts) * bytes));
  parallel_for(parts, 1, [&](std::int64_t begin, std::int64_t end) {
    static thread_local Tensor gradients;
    Operands& held = held_strips(blocks.task);
    gradients.resize({size});
    for (std::int64_t part = begin; part < end; ++part) {
      const std::int64_t first = blocks.count * part / parts;
      for (std::int64_t block = first; block < blocks.count * (part + 1) / parts; ++block) {
        const std::int64_t image = block * blocks.strips_in_block * blocks.strips.images();
        float* const sum = sums + part * size;
        float* const result = block == first ? sum : gradients.floats();
        made->primitive.execute(
            own_stream(),
            {{DNNL_ARG_SRC, borrow(made->source, blocks.strips.lay(input, image, held.inputs))},
             {DNNL_ARG_DIFF_DST,
              borrow(made->target, blocks.strips.lay(error, image, held.errors))},
             {DNNL_ARG_DIFF_WEIGHTS, borrow(made->wanted_weight, result)},
             {DNNL_ARG_SCRATCHPAD, borrow(made->scratch, own_scratch(made->scratch.get_size()))}});
        own_stream().wait();
        if (block > first) add_kernel(result, 0, size, sum);
      }
    }
  });
  float* const total = made->reorder ? sums : gradient.floats();
  parallel_for(size, 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t part = 1; part < parts; ++part)
      add_kernel(sums + part * size, begin, end, sums);
    if (total != sums) std::copy(sums + begin, sums + end, total + begin);
  });
  if (!made->reorder) return;
  memory stored = borrow(made->stored_weight, gradient.raw());
  memory ordered = borrow(made->wanted_weight, sums);
  made->reorder.execute(stream(), ordered, stored);
}

// Where copies of the gradient are small beside what is read for it, and every thread has a block.
bool comes_in_blocks(const Task& task, const Blocks& blocks) {
  return 2 * threads() * task.weight.elements() <=
             task.input.elements() + task.output().elements() &&
         (threads() > 1 ? blocks.count >= threads() : isa() == Isa::amx);
}

void weight_gradient_at_once(const Task& task, const Tensor& input, const Tensor& error,
                             Tensor& gradient) {
  const auto made = find(task);
  memory stored = borrow(made->stored_weight, gradient.raw());
  memory ordered = made->reorder ? ordered_weights(*made) : stored;
  made->primitive.execute(stream(), {{DNNL_ARG_SRC, borrow(made->source, input.raw())},
                                     {DNNL_ARG_DIFF_DST, borrow(made->target, error.raw())},
                                     {DNNL_ARG_DIFF_WEIGHTS, ordered}});
  if (made->reorder) made->reorder.execute(stream(), ordered, stored);
}

void weight_gradient(const Task& task, const Tensor& input, const Tensor& error, Tensor& gradient) {
  assert(input.element() == error.element());
  gradient.resize(task.weight);
  run("weight gradient", [&] {
    if (task.operands != Element::bfloat16 || task.is_linear())
      return weight_gradient_at_once(task, input, error, gradient);
    if (task.input[0] == 0) return gradient.fill_zero();
    const Blocks blocks(task);
    if (comes_in_blocks(task, blocks))
      return weight_gradient_in_blocks(blocks, input, error, gradient);
    if (blocks.strips.are_images()) return weight_gradient_at_once(task, input, error, gradient);
    Task wide = task;
    wide.input = blocks.strips.shape(task.input, ceil_div(task.input[0], blocks.strips.images()));
    Operands& held = held_strips(wide);
    blocks.strips.lay(input, 0, held.inputs);
    blocks.strips.lay(error, 0, held.errors);
    weight_gradient_at_once(wide, held.inputs, held.errors, gradient);
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

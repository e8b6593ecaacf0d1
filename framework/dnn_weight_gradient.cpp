// Weight gradients of float32 and of bfloat16. Those of bfloat16 convolutions are computed block by
// block, with AMX over strips of images side by side.
#include <algorithm>

#include "framework/arithmetic.h"
#include "framework/dnn.h"
#include "framework/dnn_task.h"
#include "framework/image_strips.h"
#include "framework/parallel.h"

namespace octet::dnn {
namespace {

using dnnl::memory;

OCTET_KERNEL void add_kernel(const float* x, std::int64_t begin, std::int64_t end, float* sums) {
  for (std::int64_t i = begin; i < end; ++i) sums[i] += x[i];
}

// Positions of a line of strips: two tiles of AMX hold them.
constexpr std::int64_t strip_positions = 64;
// oneDNN's kernel for AMX is four times as slow on many widths: those of 33 to 64 positions that
// leave a remainder of 3 or 0 by 4 are the fast ones throughout.
std::int64_t fast_width(std::int64_t width) { return width % 4 == 0 ? width : width / 4 * 4 + 3; }

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
            isa() == Isa::amx ? strip_positions : 0, fast_width};
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

}  // namespace

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

}  // namespace octet::dnn

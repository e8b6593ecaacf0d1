// Products of float32 and of bfloat16. A primitive is made once for its shapes and kept; it takes
// weights in an order of its own choice, which they are brought to (and rounded) before each run.
#include <array>
#include <map>

#include "framework/dnn.h"
#include "framework/dnn_memory.h"
#include "framework/parallel.h"

namespace octet::dnn {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;
using Type = memory::data_type;

enum class Work : std::int64_t { forward, input_error, weight_gradient };

// What a primitive is made for. A linear layer has shapes of rank 2 and no window.
struct Task {
  Work work;
  Element operands;
  Store store;
  bool bias = false;
  Shape input, weight;
  Window window = {};

  bool is_linear() const { return input.rank() == 2; }
  Shape output() const {
    return is_linear() ? Shape{input[0], weight[0]} : convolution_shape(input, weight, window);
  }
};

using Key = std::array<std::int64_t, 24>;

Key key_of(const Task& task) {
  const Window& w = task.window;
  Key key{static_cast<std::int64_t>(task.work),
          static_cast<std::int64_t>(task.operands),
          static_cast<std::int64_t>(task.store.element),
          task.store.rectify,
          task.bias,
          w.kernel_h,
          w.kernel_w,
          w.stride,
          w.pad_top,
          w.pad_bottom,
          w.pad_left,
          w.pad_right,
          w.groups,
          threads()};  // a primitive is made for a number of threads
  for (int i = 0; i < task.input.rank(); ++i) {
    key[static_cast<std::size_t>(14 + i)] = task.input[i];
    key[static_cast<std::size_t>(18 + i)] = task.weight[i];
  }
  return key;
}

memory::desc activation_desc(const Shape& shape, Element element) {
  if (shape.rank() == 2) return {{shape[0], shape[1]}, type_of(element), Tag::nc};
  return image_desc(shape, element);
}

memory::desc filter_desc(const Task& task, Element element, bool any) {
  if (!task.is_linear()) return weight_desc(task.weight, task.window, element, any);
  return {{task.weight[0], task.weight[1]}, type_of(element), any ? Tag::any : Tag::nc};
}

memory::desc bias_desc(const Task& task) { return {{task.weight[0]}, Type::f32, Tag::x}; }

// The operations of convolutions and of linear layers differ in their names alone.
struct Convolutions {
  using Forward = dnnl::convolution_forward;
  using BackwardData = dnnl::convolution_backward_data;
  using BackwardWeights = dnnl::convolution_backward_weights;
  // convolution_direct: convolution_auto may choose Winograd, which rounds differently.
  static constexpr auto algorithm = dnnl::algorithm::convolution_direct;

  static Forward::desc forward(const Task& task, const memory::desc& source,
                               const memory::desc& weights, const memory::desc& target) {
    const Geometry g(task.window);
    const auto kind = dnnl::prop_kind::forward_training;
    if (!task.bias) return {kind, algorithm, source, weights, target, g.strides, g.before, g.after};
    return {kind,   algorithm, source,   weights, bias_desc(task),
            target, g.strides, g.before, g.after};
  }
  static BackwardData::desc backward_data(const Task& task, const memory::desc& source,
                                          const memory::desc& weights, const memory::desc& target) {
    const Geometry g(task.window);
    return {algorithm, source, weights, target, g.strides, g.before, g.after};
  }
  static BackwardWeights::desc backward_weights(const Task& task, const memory::desc& source,
                                                const memory::desc& weights,
                                                const memory::desc& target) {
    const Geometry g(task.window);
    return {algorithm, source, weights, target, g.strides, g.before, g.after};
  }
};

struct InnerProducts {
  using Forward = dnnl::inner_product_forward;
  using BackwardData = dnnl::inner_product_backward_data;
  using BackwardWeights = dnnl::inner_product_backward_weights;

  static Forward::desc forward(const Task& task, const memory::desc& source,
                               const memory::desc& weights, const memory::desc& target) {
    const auto kind = dnnl::prop_kind::forward_training;
    if (!task.bias) return {kind, source, weights, target};
    return {kind, source, weights, bias_desc(task), target};
  }
  static BackwardData::desc backward_data(const Task&, const memory::desc& source,
                                          const memory::desc& weights, const memory::desc& target) {
    return {source, weights, target};
  }
  static BackwardWeights::desc backward_weights(const Task&, const memory::desc& source,
                                                const memory::desc& weights,
                                                const memory::desc& target) {
    return {source, weights, target};
  }
};

// A primitive and the way of its weights, or of its gradient, from or to the order they are stored
// in; no reorder where it takes that.
struct Prepared {
  dnnl::primitive primitive;
  memory::desc source, target, stored_weight, wanted_weight;
  dnnl::reorder reorder;
};

template <class Operations>
Prepared prepare_as(const Task& task) {
  const bool forward = task.work == Work::forward, data = task.work == Work::input_error;
  Prepared made;
  made.source = activation_desc(task.input, data ? task.store.element : task.operands);
  made.target = activation_desc(task.output(), forward ? task.store.element : task.operands);
  made.stored_weight = filter_desc(task, Element::float32, false);
  const memory::desc any = filter_desc(task, task.operands, true);
  dnnl::primitive_attr attributes;
  if (task.store.rectify) {
    dnnl::post_ops rectify;
    rectify.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
    attributes.set_post_ops(rectify);
  }
  const typename Operations::Forward::primitive_desc first(
      Operations::forward(
          task, activation_desc(task.input, task.operands), any,
          activation_desc(task.output(), forward ? task.store.element : task.operands)),
      attributes, engine());
  if (forward) {
    made.primitive = typename Operations::Forward(first);
    made.wanted_weight = first.weights_desc();
  } else if (data) {
    const typename Operations::BackwardData::primitive_desc desc(
        Operations::backward_data(task, made.source, any, made.target), engine(), first);
    made.primitive = typename Operations::BackwardData(desc);
    made.wanted_weight = desc.weights_desc();
  } else {
    const typename Operations::BackwardWeights::primitive_desc desc(
        Operations::backward_weights(task, made.source, filter_desc(task, Element::float32, true),
                                     made.target),
        engine(), first);
    made.primitive = typename Operations::BackwardWeights(desc);
    made.wanted_weight = desc.diff_weights_desc();
  }
  if (made.stored_weight == made.wanted_weight) return made;
  const bool is_result = task.work == Work::weight_gradient;
  made.reorder = dnnl::reorder(
      dnnl::reorder::primitive_desc(engine(), is_result ? made.wanted_weight : made.stored_weight,
                                    engine(), is_result ? made.stored_weight : made.wanted_weight));
  return made;
}

Prepared& find(const Task& task) {
  // Emptied when it grows beyond what any network here needs, so that changing shapes cannot grow
  // memory without bound.
  static std::map<Key, Prepared> known;
  const Key key = key_of(task);
  const auto found = known.find(key);
  if (found != known.end()) return found->second;
  if (known.size() > 512) known.clear();
  return known
      .emplace(key,
               task.is_linear() ? prepare_as<InnerProducts>(task) : prepare_as<Convolutions>(task))
      .first->second;
}

// Memory for the weights of the primitive that runs, in its order: one for all, since only one runs
// at a time.
memory ordered_weights(const Prepared& made) {
  static Tensor shared;
  const auto bytes = static_cast<std::int64_t>(made.wanted_weight.get_size());
  shared.resize({bytes}, Element::uint8);
  return borrow(made.wanted_weight, shared.raw());
}

memory weights_for(Prepared& made, const Tensor& weight) {
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
    Prepared& made = find(task);
    std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, borrow(made.source, input.raw())},
                                              {DNNL_ARG_WEIGHTS, weights_for(made, weight)},
                                              {DNNL_ARG_DST, borrow(made.target, output.raw())}};
    if (bias) arguments[DNNL_ARG_BIAS] = borrow(bias_desc(task), bias->raw());
    made.primitive.execute(stream(), arguments);
  });
}

void input_error(const Task& task, const Tensor& error, const Tensor& weight, Tensor& result) {
  assert(weight.element() == Element::float32);
  result.resize(task.input, task.store.element);
  run("error at the input", [&] {
    Prepared& made = find(task);
    made.primitive.execute(stream(), {{DNNL_ARG_DIFF_DST, borrow(made.target, error.raw())},
                                      {DNNL_ARG_WEIGHTS, weights_for(made, weight)},
                                      {DNNL_ARG_DIFF_SRC, borrow(made.source, result.raw())}});
  });
}

void weight_gradient(const Task& task, const Tensor& input, const Tensor& error, Tensor& gradient) {
  assert(input.element() == error.element());
  gradient.resize(task.weight);
  run("weight gradient", [&] {
    Prepared& made = find(task);
    memory stored = borrow(made.stored_weight, gradient.raw());
    memory ordered = made.reorder ? ordered_weights(made) : stored;
    made.primitive.execute(stream(), {{DNNL_ARG_SRC, borrow(made.source, input.raw())},
                                      {DNNL_ARG_DIFF_DST, borrow(made.target, error.raw())},
                                      {DNNL_ARG_DIFF_WEIGHTS, ordered}});
    if (made.reorder) made.reorder.execute(stream(), ordered, stored);
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

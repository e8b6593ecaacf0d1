#include "framework/dnn_task.h"

#include <array>
#include <map>
#include <optional>

#include "framework/parallel.h"

namespace octet::dnn {

using dnnl::memory;
using Tag = memory::format_tag;
using Type = memory::data_type;

namespace {

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
          task.one_thread ? 0 : threads()};  // a primitive is made for a number of threads
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

template <class Operations>
Prepared prepare_as(const Task& task) {
  const bool forward = task.work == Work::forward, data = task.work == Work::input_error;
  Prepared made;
  made.source = activation_desc(task.input, data ? task.store.element : task.operands);
  made.target = activation_desc(task.output(), forward ? task.store.element : task.operands);
  made.stored_weight = filter_desc(task, Element::float32, false);
  const memory::desc any = filter_desc(task, task.operands, true);
  dnnl::primitive_attr attributes;
  if (task.one_thread) attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
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
        Operations::backward_data(task, made.source, any, made.target), attributes, engine(),
        first);
    made.primitive = typename Operations::BackwardData(desc);
    made.wanted_weight = desc.weights_desc();
  } else {
    const typename Operations::BackwardWeights::primitive_desc desc(
        Operations::backward_weights(task, made.source, filter_desc(task, Element::float32, true),
                                     made.target),
        attributes, engine(), first);
    made.primitive = typename Operations::BackwardWeights(desc);
    made.scratch = desc.scratchpad_desc();
    made.wanted_weight = desc.diff_weights_desc();
  }
  if (made.stored_weight == made.wanted_weight) return made;
  const bool is_result = task.work == Work::weight_gradient;
  made.reorder = dnnl::reorder(
      dnnl::reorder::primitive_desc(engine(), is_result ? made.wanted_weight : made.stored_weight,
                                    engine(), is_result ? made.stored_weight : made.wanted_weight));
  return made;
}

}  // namespace

memory::desc bias_desc(const Task& task) { return {{task.weight[0]}, Type::f32, Tag::x}; }

std::shared_ptr<const Prepared> find(const Task& task) {
  // Emptied when it grows beyond what any network here needs, so that changing shapes cannot grow
  // memory without bound.
  static std::map<Key, std::shared_ptr<const Prepared>> known;
  const Key key = key_of(task);
  const auto found = known.find(key);
  if (found != known.end()) return found->second;
  if (known.size() > 512) known.clear();
  std::optional<OneThread> one;
  if (task.one_thread) one.emplace();
  auto made = std::make_shared<const Prepared>(task.is_linear() ? prepare_as<InnerProducts>(task)
                                                                : prepare_as<Convolutions>(task));
  return known.emplace(key, std::move(made)).first->second;
}

void* shared_memory(std::size_t bytes) {
  static Tensor shared;
  shared.resize({static_cast<std::int64_t>(bytes)}, Element::uint8);
  return shared.raw();
}

dnnl::memory ordered_weights(const Prepared& made) {
  return borrow(made.wanted_weight, shared_memory(made.wanted_weight.get_size()));
}

}  // namespace octet::dnn

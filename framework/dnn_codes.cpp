#include <array>
#include <map>
#include <vector>

#include "framework/dnn.h"
#include "framework/dnn_memory.h"
#include "framework/parallel.h"

namespace octet::dnn {

using dnnl::memory;

struct CodeConvolution::Primitive {
  dnnl::convolution_forward convolution;
  dnnl::reorder reorder;
  memory::desc source, target, plain_weight, scratch;
  memory weight;
};

CodeConvolution::CodeConvolution(Element input, const Shape& block, const Shape& weight,
                                 const Window& window)
    : primitive_(std::make_unique<Primitive>()) {
  Primitive& p = *primitive_;
  const Geometry g(window);
  const OneThread one;
  try {
    p.source = image_desc(block, input);
    p.target = image_desc(convolution_shape(block, weight, window), Element::int32);
    p.plain_weight = weight_desc(weight, window, Element::int8, false);
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::convolution_forward::primitive_desc desc(
        {dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, p.source,
         weight_desc(weight, window, Element::int8, true), p.target, g.strides, g.before, g.after},
        attributes, engine());
    p.convolution = dnnl::convolution_forward(desc);
    p.scratch = desc.scratchpad_desc();
    p.weight = memory(desc.weights_desc(), engine());
    p.reorder = dnnl::reorder({engine(), p.plain_weight, engine(), desc.weights_desc()});
  } catch (const dnnl::error& error) {
    fail(Failure::failed, "oneDNN cannot prepare a convolution of codes: ", error.what());
  }
}

CodeConvolution::~CodeConvolution() = default;
CodeConvolution::CodeConvolution(CodeConvolution&&) noexcept = default;

void CodeConvolution::load(const Tensor& weight) {
  memory plain = borrow(primitive_->plain_weight, weight.raw());
  primitive_->reorder.execute(own_stream(), plain, primitive_->weight);
  own_stream().wait();
}

void CodeConvolution::run(const void* input, std::int32_t* sums) const {
  const Primitive& p = *primitive_;
  p.convolution.execute(
      own_stream(), {{DNNL_ARG_SRC, borrow(p.source, input)},
                     {DNNL_ARG_WEIGHTS, p.weight},
                     {DNNL_ARG_DST, borrow(p.target, sums)},
                     {DNNL_ARG_SCRATCHPAD, borrow(p.scratch, own_scratch(p.scratch.get_size()))}});
  own_stream().wait();
}

CodeConvolution& code_convolution(Element input, const Shape& block, const Shape& weight,
                                  const Window& window) {
  using Key = std::array<std::int64_t, 18>;
  static std::map<Key, CodeConvolution> known;
  Key key{static_cast<std::int64_t>(input),
          window.kernel_h,
          window.kernel_w,
          window.stride,
          window.pad_top,
          window.pad_bottom,
          window.pad_left,
          window.pad_right,
          window.groups};
  for (int i = 0; i < 4; ++i) {
    key[static_cast<std::size_t>(9 + i)] = block[i];
    key[static_cast<std::size_t>(13 + i)] = weight[i];
  }
  const auto found = known.find(key);
  if (found != known.end()) return found->second;
  // More than any network here needs: changing shapes must not grow memory without bound.
  if (known.size() >= 512) known.clear();
  return known.emplace(key, CodeConvolution(input, block, weight, window)).first->second;
}

}  // namespace octet::dnn

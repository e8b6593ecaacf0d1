#include "framework/dnn.h"

#include <array>
#include <map>

#include "framework/check.h"
#include "framework/dnn_memory.h"
#include "framework/parallel.h"

namespace octet::dnn {

using dnnl::memory;
using Tag = memory::format_tag;
using Type = memory::data_type;

const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

Type type_of(Element element) {
  switch (element) {
    case Element::float32:
      return Type::f32;
    case Element::bfloat16:
      return Type::bf16;
    case Element::int8:
      return Type::s8;
    case Element::uint8:
      return Type::u8;
    case Element::int32:
      return Type::s32;
  }
  return Type::undef;
}

memory::desc image_desc(const Shape& s, Element element) {
  return {{s[0], s[3], s[1], s[2]}, type_of(element), Tag::nhwc};
}

memory::desc weight_desc(const Shape& s, const Window& window, Element element, bool any) {
  const std::int64_t g = window.groups;
  if (g == 1) return {{s[0], s[3], s[1], s[2]}, type_of(element), any ? Tag::any : Tag::ohwi};
  return {{g, s[0] / g, s[3], s[1], s[2]}, type_of(element), any ? Tag::any : Tag::gohwi};
}

memory borrow(const memory::desc& desc, const void* data) {
  return {desc, engine(), const_cast<void*>(data)};
}

namespace {

dnnl::stream& stream() {
  static dnnl::stream in_order(engine());
  return in_order;
}

// A primitive with the reordered weights it wants, and memory to hold them.
struct Prepared {
  dnnl::primitive primitive;
  memory::desc plain_weight, wanted_weight;
  dnnl::reorder reorder;
  memory weight;  // in the wanted order; empty when plain is wanted
};

enum class Work : std::int64_t { forward, input_error, weight_gradient };

using Key = std::array<std::int64_t, 24>;

Key key_of(Work work, Element element, bool bias, const Shape& input, const Shape& weight,
           const Window& w) {
  Key key{static_cast<std::int64_t>(work),
          static_cast<std::int64_t>(element),
          bias,
          w.kernel_h,
          w.kernel_w,
          w.stride,
          w.pad_top,
          w.pad_bottom,
          w.pad_left,
          w.pad_right,
          w.groups};
  for (int i = 0; i < 4; ++i) key[static_cast<std::size_t>(11 + i)] = input[i];
  for (int i = 0; i < 4; ++i) key[static_cast<std::size_t>(15 + i)] = weight[i];
  key[19] = threads();  // a primitive is made for a number of threads
  return key;
}

// Primitives by what they do. Emptied when it grows beyond what any network here needs, so that
// changing shapes cannot grow memory without bound.
std::map<Key, Prepared>& cache() {
  static std::map<Key, Prepared> prepared;
  if (prepared.size() > 512) prepared.clear();
  return prepared;
}

dnnl::convolution_forward::primitive_desc forward_desc(const Shape& input, const Shape& weight,
                                                       const Window& window, Element element,
                                                       bool bias) {
  const Geometry g(window);
  const memory::desc source = image_desc(input, element),
                     weights = weight_desc(weight, window, element, true),
                     target = image_desc(convolution_shape(input, weight, window), element);
  // convolution_direct: convolution_auto may choose Winograd, which rounds differently.
  const auto algorithm = dnnl::algorithm::convolution_direct;
  const auto kind = dnnl::prop_kind::forward_training;
  if (!bias)
    return {{kind, algorithm, source, weights, target, g.strides, g.before, g.after}, engine()};
  const memory::desc biases({weight[0]}, Type::f32, Tag::x);
  return {{kind, algorithm, source, weights, biases, target, g.strides, g.before, g.after},
          engine()};
}

void set_weights(Prepared& made, const memory::desc& plain, const memory::desc& wanted,
                 bool wanted_is_result) {
  made.plain_weight = plain;
  made.wanted_weight = wanted;
  if (plain == wanted) return;
  made.weight = memory(wanted, engine());
  made.reorder = wanted_is_result ? dnnl::reorder({engine(), wanted, engine(), plain})
                                  : dnnl::reorder({engine(), plain, engine(), wanted});
}

Prepared prepare(Work work, Element element, bool bias, const Shape& input, const Shape& weight,
                 const Window& window) {
  Prepared made;
  const Geometry g(window);
  const auto forward = forward_desc(input, weight, window, element, bias);
  const memory::desc plain = weight_desc(weight, window, element, false);
  const memory::desc any = weight_desc(weight, window, element, true);
  const memory::desc source = image_desc(input, element);
  const memory::desc target = image_desc(convolution_shape(input, weight, window), element);
  const auto algorithm = dnnl::algorithm::convolution_direct;
  switch (work) {
    case Work::forward:
      made.primitive = dnnl::convolution_forward(forward);
      set_weights(made, plain, forward.weights_desc(), false);
      break;
    case Work::input_error: {
      const dnnl::convolution_backward_data::primitive_desc desc(
          {algorithm, source, any, target, g.strides, g.before, g.after}, engine(), forward);
      made.primitive = dnnl::convolution_backward_data(desc);
      set_weights(made, plain, desc.weights_desc(), false);
      break;
    }
    case Work::weight_gradient: {
      const dnnl::convolution_backward_weights::primitive_desc desc(
          {algorithm, source, any, target, g.strides, g.before, g.after}, engine(), forward);
      made.primitive = dnnl::convolution_backward_weights(desc);
      set_weights(made, plain, desc.diff_weights_desc(), true);
      break;
    }
  }
  return made;
}

Prepared& find(Work work, Element element, bool bias, const Shape& input, const Shape& weight,
               const Window& window) {
  auto& known = cache();
  const Key key = key_of(work, element, bias, input, weight, window);
  const auto found = known.find(key);
  if (found != known.end()) return found->second;
  return known.emplace(key, prepare(work, element, bias, input, weight, window)).first->second;
}

memory wanted_weights(Prepared& made, const Tensor& weight) {
  const memory plain = borrow(made.plain_weight, weight.raw());
  if (!made.weight) return plain;
  made.reorder.execute(stream(), const_cast<memory&>(plain), made.weight);
  return made.weight;
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

}  // namespace

void convolution(const Tensor& input, const Tensor& weight, const Tensor* bias,
                 const Window& window, Tensor& output) {
  assert(input.element() == weight.element());
  const Shape shape = convolution_shape(input.shape(), weight.shape(), window);
  output.resize(shape, input.element());
  run("convolution", [&] {
    Prepared& made = find(Work::forward, input.element(), bias != nullptr, input.shape(),
                          weight.shape(), window);
    std::unordered_map<int, memory> arguments{
        {DNNL_ARG_SRC, borrow(image_desc(input.shape(), input.element()), input.raw())},
        {DNNL_ARG_WEIGHTS, wanted_weights(made, weight)},
        {DNNL_ARG_DST, borrow(image_desc(shape, input.element()), output.raw())}};
    if (bias)
      arguments[DNNL_ARG_BIAS] = borrow({{bias->elements()}, Type::f32, Tag::x}, bias->raw());
    made.primitive.execute(stream(), arguments);
  });
}

void convolution_input_error(const Tensor& error, const Tensor& weight, const Window& window,
                             const Shape& input, Tensor& input_error) {
  assert(error.element() == Element::float32 && weight.element() == Element::float32);
  input_error.resize(input);
  run("convolution's input error", [&] {
    Prepared& made =
        find(Work::input_error, Element::float32, false, input, weight.shape(), window);
    made.primitive.execute(
        stream(),
        {{DNNL_ARG_DIFF_DST, borrow(image_desc(error.shape(), Element::float32), error.raw())},
         {DNNL_ARG_WEIGHTS, wanted_weights(made, weight)},
         {DNNL_ARG_DIFF_SRC, borrow(image_desc(input, Element::float32), input_error.raw())}});
  });
}

void convolution_weight_gradient(const Tensor& input, const Tensor& error, const Window& window,
                                 const Shape& weight, Tensor& gradient) {
  assert(input.element() == Element::float32 && error.element() == Element::float32);
  gradient.resize(weight);
  run("convolution's weight gradient", [&] {
    Prepared& made =
        find(Work::weight_gradient, Element::float32, false, input.shape(), weight, window);
    const memory plain = borrow(made.plain_weight, gradient.raw());
    const memory target = made.weight ? made.weight : plain;
    made.primitive.execute(
        stream(),
        {{DNNL_ARG_SRC, borrow(image_desc(input.shape(), Element::float32), input.raw())},
         {DNNL_ARG_DIFF_DST, borrow(image_desc(error.shape(), Element::float32), error.raw())},
         {DNNL_ARG_DIFF_WEIGHTS, target}});
    if (made.weight) made.reorder.execute(stream(), made.weight, const_cast<memory&>(plain));
  });
}

void gemm(std::int64_t m, std::int64_t n, std::int64_t depth, const Matrix& a, const Matrix& b,
          bool accumulate, float* c) {
  const auto status =
      dnnl_sgemm(a.transpose ? 'T' : 'N', b.transpose ? 'T' : 'N', m, n, depth, 1.0f,
                 static_cast<const float*>(a.data), a.stride, static_cast<const float*>(b.data),
                 b.stride, accumulate ? 1.0f : 0.0f, c, n);
  check(status == dnnl_success, Failure::failed, "oneDNN cannot compute a matrix product");
}

void gemm_codes(std::int64_t m, std::int64_t n, std::int64_t depth, Element a_element,
                const Matrix& a, const Matrix& b, bool accumulate, std::int32_t* c) {
  const std::int32_t no_offset = 0;
  const char ta = a.transpose ? 'T' : 'N', tb = b.transpose ? 'T' : 'N';
  const float beta = accumulate ? 1.0f : 0.0f;
  const auto* codes = static_cast<const std::int8_t*>(b.data);
  const auto status = a_element == Element::uint8
                          ? dnnl_gemm_u8s8s32(ta, tb, 'F', m, n, depth, 1.0f,
                                              static_cast<const std::uint8_t*>(a.data), a.stride, 0,
                                              codes, b.stride, 0, beta, c, n, &no_offset)
                          : dnnl_gemm_s8s8s32(ta, tb, 'F', m, n, depth, 1.0f,
                                              static_cast<const std::int8_t*>(a.data), a.stride, 0,
                                              codes, b.stride, 0, beta, c, n, &no_offset);
  check(status == dnnl_success, Failure::failed, "oneDNN cannot compute a product of codes");
}

Isa isa() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::avx2:
      return Isa::avx2;
    case dnnl::cpu_isa::avx2_vnni:
      return Isa::avx2_vnni;
    case dnnl::cpu_isa::avx512_core:
      return Isa::avx512;
    case dnnl::cpu_isa::avx512_core_vnni:
    case dnnl::cpu_isa::avx512_core_bf16:
      return Isa::avx512_vnni;
    case dnnl::cpu_isa::avx512_core_amx:
      return Isa::amx;
    default:
      return Isa::plain;
  }
}

std::string description() {
  const dnnl_version_t* version = dnnl_version();
  std::string_view isa = "unknown";
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41:
      isa = "SSE41";
      break;
    case dnnl::cpu_isa::avx:
      isa = "AVX";
      break;
    case dnnl::cpu_isa::avx2:
      isa = "AVX2";
      break;
    case dnnl::cpu_isa::avx2_vnni:
      isa = "AVX2_VNNI";
      break;
    case dnnl::cpu_isa::avx512_core:
      isa = "AVX512_CORE";
      break;
    case dnnl::cpu_isa::avx512_core_vnni:
      isa = "AVX512_CORE_VNNI";
      break;
    case dnnl::cpu_isa::avx512_core_bf16:
      isa = "AVX512_CORE_BF16";
      break;
    case dnnl::cpu_isa::avx512_core_amx:
      isa = "AVX512_CORE_AMX";
      break;
    default:
      break;
  }
  return join("oneDNN ", version->major, ".", version->minor, ".", version->patch, ", ", isa);
}

}  // namespace octet::dnn

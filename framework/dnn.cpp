#include "framework/dnn.h"

#include <omp.h>

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

dnnl::stream& stream() {
  static dnnl::stream in_order(engine());
  return in_order;
}

OneThread::OneThread() { omp_set_num_threads(1); }
OneThread::~OneThread() { omp_set_num_threads(threads()); }

dnnl::stream& own_stream() {
  static thread_local dnnl::stream in_order(engine());
  return in_order;
}

void* own_scratch(std::size_t bytes) {
  static thread_local Tensor scratch;
  scratch.resize({static_cast<std::int64_t>(bytes)}, Element::uint8);
  return scratch.raw();
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

bool has_bfloat16() {
  const dnnl::cpu_isa isa = dnnl::get_effective_cpu_isa();
  return isa == dnnl::cpu_isa::avx512_core_bf16 || isa == dnnl::cpu_isa::avx512_core_amx;
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

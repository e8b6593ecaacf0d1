#include "layers/real_kernels.h"

#include "framework/parallel.h"

namespace octet::kernels {
namespace {

constexpr std::int64_t grain = 1 << 15;

template <class T, bool adds, bool rectifies>
OCTET_KERNEL void outputs_kernel(const T* x, const T* addend, std::int64_t begin, std::int64_t end,
                                 T* y) {
  for (std::int64_t i = begin; i < end; ++i) {
    float value = to_float(x[i]);
    if constexpr (adds) value += to_float(addend[i]);
    if constexpr (rectifies) value = rectified(value);
    y[i] = from_float<T>(value);
  }
}

template <class T, bool adds, bool masks>
OCTET_KERNEL void errors_kernel(const T* e, const T* addend, const T* outputs, std::int64_t begin,
                                std::int64_t end, T* y) {
  for (std::int64_t i = begin; i < end; ++i) {
    float value = to_float(e[i]);
    if constexpr (adds) value += to_float(addend[i]);
    if constexpr (masks) value = to_float(outputs[i]) > 0.0f ? value : 0.0f;
    y[i] = from_float<T>(value);
  }
}

[[maybe_unused]] bool match(const Tensor& x, const Tensor* other) {
  return !other || (other->element() == x.element() && other->elements() == x.elements());
}

template <class T>
const T* elements_of(const Tensor* tensor) {
  return tensor ? tensor->data<T>() : nullptr;
}

// body(T{}, begin, end) for parts of x, T its element; y takes its shape.
template <class Body>
void over(const Tensor& x, Tensor& y, const Body& body) {
  if (&x != &y) y.resize(x.shape(), x.element());
  with_reals(x.element(), [&](auto element) {
    parallel_for(x.elements(), grain,
                 [&](std::int64_t begin, std::int64_t end) { body(element, begin, end); });
  });
}

}  // namespace

void finish_outputs(const Tensor& x, const Tensor* addend, bool rectify, Tensor& y) {
  if (!addend && !rectify && &x == &y) return;
  assert((addend || rectify) && match(x, addend));
  over(x, y, [&](auto element, std::int64_t begin, std::int64_t end) {
    using T = decltype(element);
    const auto kernel = !addend   ? outputs_kernel<T, false, true>
                        : rectify ? outputs_kernel<T, true, true>
                                  : outputs_kernel<T, true, false>;
    kernel(x.data<T>(), elements_of<T>(addend), begin, end, y.data<T>());
  });
}

void finish_errors(const Tensor& e, const Tensor* addend, const Tensor* outputs, Tensor& y) {
  if (!addend && !outputs && &e == &y) return;
  assert((addend || outputs) && match(e, addend) && match(e, outputs));
  over(e, y, [&](auto element, std::int64_t begin, std::int64_t end) {
    using T = decltype(element);
    const auto kernel = !addend   ? errors_kernel<T, false, true>
                        : outputs ? errors_kernel<T, true, true>
                                  : errors_kernel<T, true, false>;
    kernel(e.data<T>(), elements_of<T>(addend), elements_of<T>(outputs), begin, end, y.data<T>());
  });
}

}  // namespace octet::kernels

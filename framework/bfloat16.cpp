#include "framework/bfloat16.h"

#include "framework/parallel.h"

namespace octet {
namespace {

template <class From, class To>
OCTET_KERNEL void convert_kernel(const From* from, std::int64_t begin, std::int64_t end, To* to) {
  for (std::int64_t i = begin; i < end; ++i) to[i] = from_float<To>(to_float(from[i]));
}

}  // namespace

void convert(const Tensor& reals, Element element, Tensor& result) {
  assert(&reals != &result);
  result.resize(reals.shape(), element);
  with_reals(reals.element(), [&](auto source) {
    with_reals(element, [&](auto target) {
      using From = decltype(source);
      using To = decltype(target);
      parallel_for(reals.elements(), 1 << 15, [&](std::int64_t begin, std::int64_t end) {
        convert_kernel(reals.data<From>(), begin, end, result.data<To>());
      });
    });
  });
}

}  // namespace octet

#include "framework/weight_gradient/select.h"

#include <cstring>

#include "framework/check.h"
#include "framework/dnn.h"
#include "framework/random.h"
#include "framework/reference.h"
#include "framework/weight_gradient.h"

namespace octet::weight_gradient {
namespace {

using dnn::Isa;

struct Candidate {
  const Kernel* kernel;
  Isa least;
};

// The fastest first.
const Candidate candidates[] = {{&amx, Isa::amx},         {&vnni512, Isa::avx512_vnni},
                                {&words512, Isa::avx512}, {&vnni256, Isa::avx2_vnni},
                                {&words256, Isa::avx2},   {&plain, Isa::plain}};

bool usable(const Candidate& candidate) {
  return dnn::isa() >= candidate.least && candidate.kernel->available();
}

Tensor random_bytes(const Shape& shape, Element element, std::uint64_t key, bool extreme) {
  Tensor tensor(shape, element);
  auto* const bytes = static_cast<std::uint8_t*>(tensor.raw());
  for (std::int64_t i = 0; i < tensor.elements(); ++i) {
    const std::uint32_t bits = random_bits(mix(key), static_cast<std::uint32_t>(i));
    const std::uint32_t code = extreme ? ((bits & 7) == 0 ? 0 : 254) : bits % 255;
    bytes[i] = static_cast<std::uint8_t>(element == Element::int8 ? code - 127 : code + 1);
  }
  return tensor;
}

bool gives_plain_sums(const Kernel& kernel) {
  struct Case {
    Shape input, weight;
    Window window;
  };
  const Case cases[] = {
      {{2, 9, 11, 3}, {20, 5, 5, 3}, {5, 5, 1, 2, 2, 2, 2, 1}},
      {{3, 8, 8, 33}, {50, 3, 3, 33}, {3, 3, 1, 1, 1, 1, 1, 1}},
      {{2, 9, 9, 17}, {80, 3, 3, 17}, {3, 3, 2, 1, 1, 1, 1, 1}},
      {{70, 1, 1, 40}, {10, 1, 1, 40}, {}},
  };
  std::uint64_t key = 0;
  for (const Case& c : cases)
    for (const Element element : {Element::uint8, Element::int8})
      for (const bool extreme : {false, true}) {
        const Tensor input = random_bytes(c.input, element, ++key, extreme);
        const Tensor error = random_bytes(convolution_shape(c.input, c.weight, c.window),
                                          Element::int8, ++key, extreme);
        Tensor gradient, truth;
        compute_by(kernel, input, error, c.window, c.weight, {1.0f}, gradient, nullptr);
        reference::convolution_weight_gradient(input, error, c.window, c.weight, truth);
        for (std::int64_t i = 0; i < truth.elements(); ++i)
          if (gradient.floats()[i] != static_cast<float>(truth.data<std::int32_t>()[i]))
            return false;
      }
  return true;
}

const Kernel* fastest() {
  for (const Candidate& candidate : candidates)
    if (usable(candidate) && gives_plain_sums(*candidate.kernel)) return candidate.kernel;
  return &plain;
}

const Kernel*& chosen() {
  static const Kernel* kernel = fastest();
  return kernel;
}

}  // namespace

const Kernel& selected() { return *chosen(); }

std::vector<std::string> kernels() {
  std::vector<std::string> names;
  for (const Candidate& candidate : candidates)
    if (usable(candidate)) names.emplace_back(candidate.kernel->name);
  return names;
}

std::string kernel() { return selected().name; }

std::string override_kernel(const std::string& name) {
  const std::string before = kernel();
  for (const Candidate& candidate : candidates)
    if (usable(candidate) && name == candidate.kernel->name) chosen() = candidate.kernel;
  if (name == emulated_amx.name) chosen() = &emulated_amx;
  check(kernel() == name, Failure::usage, "no kernel for weight gradients is called ", name);
  return before;
}

}  // namespace octet::weight_gradient

#include "framework/weight_gradient.h"

#include <cstring>

#include "framework/parallel.h"
#include "framework/reference.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

namespace {

// Every kernel of this machine, and AMX's loops wherever there is no AMX.
template <class Body>
void for_every_kernel(const Body& body) {
  std::vector<std::string> names = weight_gradient::kernels();
  names.emplace_back("emulated AMX");
  const std::string before = weight_gradient::kernel();
  for (const std::string& name : names) {
    CAPTURE(name);
    weight_gradient::override_kernel(name);
    body();
  }
  weight_gradient::override_kernel(before);
}

std::int64_t pick(std::uint64_t key, std::uint32_t index, std::uint32_t count) {
  return uniform_below(mix(key), index, count);
}

Tensor input_codes(const Shape& shape, Element element, std::uint64_t key) {
  if (element == Element::int8) return random_codes(shape, key);
  Tensor tensor(shape, element);
  for (std::int64_t i = 0; i < tensor.elements(); ++i)
    tensor.data<std::uint8_t>()[i] =
        static_cast<std::uint8_t>(pick(key, static_cast<std::uint32_t>(i), 256));
  return tensor;
}

std::vector<float> some_scales(std::int64_t count) {
  std::vector<float> scales;
  for (std::int64_t i = 0; i < count; ++i) scales.push_back(0.37f * static_cast<float>(i + 1));
  return scales;
}

// Holds compute to the plain loops: the gradient to the bit, and the sums of errors. Only uint8 has
// a zero point.
void check_case(const Shape& input, const Shape& weight, const Window& window, Element element,
                std::uint64_t key, std::int32_t zero_point = 0) {
  CAPTURE(key);
  CAPTURE(print(input));
  CAPTURE(print(weight));
  CAPTURE(window.stride);
  Tensor x = input_codes(input, element, 2 * key);
  if (element == Element::uint8) x.zero_point = zero_point;
  const Tensor e = random_codes(convolution_shape(input, weight, window), 2 * key + 1);
  const std::vector<float> scales = some_scales(key % 2 ? 1 : weight[0]);
  std::vector<std::int64_t> error_sums(static_cast<std::size_t>(weight[0]));
  Tensor gradient, sums, truth(weight);
  weight_gradient::compute(x, e, window, weight, scales, gradient, error_sums.data());
  reference::convolution_weight_gradient(x, e, window, weight, sums);
  // Sum E (A - z) is sum E A less z times the sum of E where A is not padding.
  if (x.zero_point != 0) {
    Tensor ones(input, Element::uint8), of_ones;
    std::memset(ones.raw(), 1, ones.bytes());
    reference::convolution_weight_gradient(ones, e, window, weight, of_ones);
    for (std::int64_t i = 0; i < sums.elements(); ++i)
      sums.data<std::int32_t>()[i] -= x.zero_point * of_ones.data<std::int32_t>()[i];
  }
  for (std::int64_t i = 0; i < sums.elements(); ++i)
    truth.floats()[i] =
        scales[key % 2 ? 0 : static_cast<std::size_t>(i / (weight.elements() / weight[0]))] *
        static_cast<float>(sums.data<std::int32_t>()[i]);
  CHECK(same_bits(gradient, truth));
  for (std::int64_t i = 0; i < e.elements(); ++i)
    error_sums[static_cast<std::size_t>(i % weight[0])] -= e.data<std::int8_t>()[i];
  CHECK(error_sums == std::vector<std::int64_t>(error_sums.size()));
}

}  // namespace

TEST_CASE("weight gradient: every kernel gives the plain loops' sums, bit for bit") {
  const int before = threads();
  for_every_kernel([] {
    const std::int64_t channels[] = {1, 2, 3, 5, 16, 17, 20, 40};
    const std::int64_t filters[] = {1, 10, 16, 20, 50, 64, 80, 130};
    for (std::uint64_t key = 0; key < 60; ++key) {
      Window w;
      w.kernel_h = 1 + pick(key, 0, 5);
      w.kernel_w = pick(key, 1, 4) == 0 ? w.kernel_h : 1 + pick(key, 2, 7);
      w.stride = 1 + pick(key, 3, 3);
      w.pad_top = pick(key, 4, 3);
      w.pad_bottom = pick(key, 5, 3);
      w.pad_left = pick(key, 6, 3);
      w.pad_right = pick(key, 7, 3);
      w.groups = pick(key, 8, 5) == 0 ? 2 : 1;
      const std::int64_t group_channels = channels[pick(key, 9, 8)];
      const Shape input{1 + pick(key, 10, 5), w.kernel_h + pick(key, 11, 9),
                        w.kernel_w + pick(key, 12, 28), group_channels * w.groups};
      const Shape weight{filters[pick(key, 13, 8)] * w.groups, w.kernel_h, w.kernel_w,
                         group_channels};
      set_threads(static_cast<int>(1 + pick(key, 14, 4)));
      check_case(input, weight, w, pick(key, 15, 2) ? Element::int8 : Element::uint8, key,
                 static_cast<std::int32_t>(pick(key, 16, 2) * pick(key, 17, 256)));
    }
  });
  set_threads(before);
}

TEST_CASE("weight gradient: linear layers, depthwise convolutions, and the widths of a line") {
  for_every_kernel([] {
    struct Codes {
      Element element;
      std::int32_t zero_point;
    };
    for (const auto& [element, zero] : {Codes{Element::int8, 0}, Codes{Element::uint8, 0},
                                        Codes{Element::uint8, 93}, Codes{Element::uint8, 255}}) {
      CAPTURE(zero);
      check_case({5, 1, 1, 33}, {10, 1, 1, 33}, {}, element, 1, zero);
      check_case({130, 1, 1, 20}, {70, 1, 1, 20}, {}, element, 2, zero);
      check_case({3, 7, 5, 9}, {12, 1, 1, 9}, {}, element, 3, zero);
      const Window depthwise{3, 3, 1, 1, 1, 1, 1, 12};
      check_case({2, 9, 8, 12}, {12, 3, 3, 1}, depthwise, element, 4, zero);
      const Window strided{3, 3, 2, 0, 1, 1, 0, 40};
      check_case({3, 10, 9, 40}, {40, 3, 3, 1}, strided, element, 5, zero);
      const Window multiplied{3, 3, 1, 1, 1, 1, 1, 6};
      check_case({2, 6, 6, 6}, {12, 3, 3, 1}, multiplied, element, 6, zero);
      for (std::int64_t width = 1; width <= 33; ++width)
        check_case({2, 3, width, 4}, {6, 3, 3, 4}, {3, 3, 1, 1, 1, 1, 1, 1}, element,
                   static_cast<std::uint64_t>(100 + width), zero);
    }
  });
}

TEST_CASE("weight gradient: sums beyond 2^31 are exact") {
  const int before = threads();
  // 140 x 32 x 32 positions of the largest codes, and one that is smaller by one.
  for (const Element element : {Element::uint8, Element::int8}) {
    const std::int64_t largest = element == Element::uint8 ? 255 : 127, positions = 140 * 1024;
    Tensor x({140, 32, 32, 1}, element), e({140, 32, 32, 2}, Element::int8), gradient;
    std::memset(x.raw(), static_cast<int>(largest), x.bytes());
    std::memset(e.raw(), -127, e.bytes());
    e.data<std::int8_t>()[0] = -126;
    for_every_kernel([&] {
      for (const int count : {1, 2, 3}) {
        set_threads(count);
        for (const Window& w : {Window{}, Window{3, 3, 1, 1, 1, 1, 1, 1}}) {
          std::vector<std::int64_t> sums(2);
          weight_gradient::compute(x, e, w, {2, w.kernel_h, w.kernel_w, 1}, {1.0f}, gradient,
                                   sums.data());
          const std::int64_t centre = w.kernel_h / 2 * w.kernel_w + w.kernel_w / 2;
          CHECK(gradient.floats()[centre] == static_cast<float>(-largest * (127 * positions - 1)));
          CHECK(gradient.floats()[w.kernel_h * w.kernel_w + centre] ==
                static_cast<float>(-largest * 127 * positions));
          CHECK(sums == std::vector<std::int64_t>{-127 * positions + 1, -127 * positions});
        }
      }
    });
  }
  set_threads(before);
}

TEST_CASE("weight gradient: any number of threads gives the same bits") {
  const int before = threads();
  const Tensor x = random_codes({9, 16, 16, 48}, 1), e = random_codes({9, 16, 16, 64}, 2);
  const Window window{3, 3, 1, 1, 1, 1, 1, 1};
  Tensor one, other;
  for_every_kernel([&] {
    set_threads(1);
    weight_gradient::compute(x, e, window, {64, 3, 3, 48}, {0.1f}, one);
    for (const int count : {2, 3, 4}) {
      set_threads(count);
      weight_gradient::compute(x, e, window, {64, 3, 3, 48}, {0.1f}, other);
      CHECK(same_bits(one, other));
    }
  });
  set_threads(before);
}

TEST_CASE("weight gradient: an unknown kernel is refused") {
  CHECK_THROWS(weight_gradient::override_kernel("abacus"));
}
